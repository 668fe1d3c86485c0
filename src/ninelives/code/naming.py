"""The name of a callable: what the rules are looked up by, and what a journal shows.

A name is made of the callable itself and of nothing else: not of what happens to be imported, nor of the path by which
user code reached it. So it is the same on replay, where activities, and the imports inside of them, do not run.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import random
import re
import sys
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)

from ninelives.errors import UsageError

# Kinds of attributes, by the identity of their types: to compare types would run code of a metaclass.
#: The type of some methods of C types (``re.compile("").match``): a subclass of `BuiltinFunctionType` without a name.
BuiltinMethodType: type = type(re.compile("").match)

#: Descriptors implemented in C: reading one runs no Python code of the object's class.
_C_ATTRIBUTES = {id(GetSetDescriptorType), id(MemberDescriptorType)}

_C_METHODS = {id(ClassMethodDescriptorType), id(MethodDescriptorType), id(WrapperDescriptorType)}

#: Methods of Python code in a class body: they can't be what a method of C code came from.
_PYTHON_METHODS = {id(FunctionType), id(classmethod), id(staticmethod), id(property)}

# The attributes of a class itself, past any metaclass.
_CLASS_DICT = type.__dict__["__dict__"].__get__
_CLASS_FLAGS = type.__dict__["__flags__"].__get__
_CLASS_MODULE = type.__dict__["__module__"].__get__
_CLASS_MRO = type.__dict__["__mro__"].__get__
_CLASS_QUALNAME = type.__dict__["__qualname__"].__get__

#: Py_TPFLAGS_IMMUTABLETYPE: set for the classes that the interpreter implements, never for those of Python code.
_IMMUTABLE = 1 << 8

#: Modules that show an implementation detail, and where their contents are documented.
_PUBLIC_MODULES = {
    # `_csv` -> `csv`, `_asyncio` -> `asyncio`, ...
    **{f"_{module}": module for module in sys.stdlib_module_names if f"_{module}" in sys.stdlib_module_names},
    **{f"asyncio.{part}": "asyncio" for part in (
        "base_events", "base_futures", "base_tasks", "coroutines", "events", "exceptions", "futures", "locks", "mixins",
        "protocols", "queues", "runners", "streams", "taskgroups", "tasks", "threads", "timeouts", "transports",
    )},
    **{f"concurrent.futures.{part}": "concurrent.futures" for part in ("_base", "process", "thread")},
    "_blake2": "hashlib",
    "_collections_abc": "collections.abc",
    "_frozen_importlib": "importlib._bootstrap",
    "_frozen_importlib_external": "importlib._bootstrap_external",
    "_markupbase": "html.parser",
    "_md5": "hashlib",
    "_pydatetime": "datetime",
    "_pydecimal": "decimal",
    "_pyio": "io",
    "_sha1": "hashlib",
    "_sha2": "hashlib",
    "_sha256": "hashlib",
    "_sha3": "hashlib",
    "_sha512": "hashlib",
    "_sre": "re",
    "_thread": "threading",
    "_threading_local": "threading",
    "_weakrefset": "weakref",
    "genericpath": "os.path",
    "nt": "os",
    "ntpath": "os.path",
    "pathlib._abc": "pathlib",
    "pathlib._local": "pathlib",
    "posix": "os",
    "posixpath": "os.path",
    "pyexpat": "xml.parsers.expat",
    "tomllib._parser": "tomllib",
    "xml.sax._exceptions": "xml.sax",
    "zoneinfo._tzpath": "zoneinfo",
}  # fmt: skip

#: Classes of 3.13 that the documented ones inherit from; there is no other name for their methods in 3.11 and 3.12.
_PUBLIC_CLASSES = {"pathlib.PathBase": "pathlib.Path", "pathlib.PurePathBase": "pathlib.PurePath"}

#: Functions that show the name of what they are made of.
_PUBLIC_FUNCTIONS = {
    **{f"hashlib.openssl_{algorithm}": f"hashlib.{algorithm}" for algorithm in hashlib.algorithms_guaranteed},
    "os._fscodec.<locals>.fsdecode": "os.fsdecode",
    "os._fscodec.<locals>.fsencode": "os.fsencode",
    "os._path_normpath": "os.path.normpath",
    "os._path_splitroot_ex": "os.path.splitroot",
    "threading.allocate_lock": "threading.Lock",
}

#: The generator behind `random.random()` and the like: its bound methods are the module's functions.
_SHARED_GENERATOR = random.seed.__self__  # type: ignore[attr-defined]


def name_of(callable_: object) -> str:
    """Name a callable by where it is defined: ``json.loads``, ``pathlib.Path.exists``, ``builtins.list.append``.

    No code of the callable's class runs: no ``__getattr__``, ``__repr__``, ``__eq__`` or ``__hash__``.

    Args:
        callable_: a function, a method (bound or not, of Python or C code), a class, a partial, or an instance that can
            be called. Modules that are implementation details are replaced by documented ones (``posix`` by ``os``).

    Returns:
        ``module.qualname``. A method has the name of the class that defines it, if that is Python code, else of the
        nearest class of the interpreter (``io.StringIO.readlines``, though ``io.IOBase`` defines it). A partial has the
        name of its function, an instance that of its class's ``__call__``, unless it wraps a function and says so.
    """
    kind = type(callable_)
    if kind is FunctionType:
        return _function_name(callable_)  # type: ignore[arg-type]
    if kind is MethodType:
        return _bound_name(callable_)  # type: ignore[arg-type]
    if issubclass(kind, BuiltinFunctionType):  # there is a second kind, for methods that are told their class
        return _builtin_name(callable_)  # type: ignore[arg-type]
    if kind is MethodWrapperType:
        return _owned_name(callable_.__self__, callable_.__name__)  # type: ignore[attr-defined]
    if id(kind) in _C_METHODS:
        return f"{class_name(callable_.__objclass__)}.{callable_.__name__}"  # type: ignore[attr-defined]
    if issubclass(kind, type):
        return class_name(callable_)  # type: ignore[arg-type]
    if issubclass(kind, functools.partial):
        return name_of(functools.partial.func.__get__(callable_))
    return _instance_name(callable_, kind)


def method_name(class_: type, name: str, found: object) -> str:
    """Name a method of an object by its class alone, as `name_of` names it when it is bound.

    Args:
        class_: class of the object.
        name: the method's own name.
        found: what the class has under it.
    """
    if type(found) is FunctionType:
        return _function_name(found)
    return f"{class_name(_c_owner(class_, name) or class_)}.{name}"


def class_name(class_: type) -> str:
    """Name a class.

    Args:
        class_: any class; code of its metaclass does not run.

    Returns:
        ``module.qualname``, with the documented module.
    """
    return _public_name(_CLASS_MODULE(class_), _CLASS_QUALNAME(class_))


def defining_name(name: str) -> str:
    """Find the name that ``name_of`` gives to what users know as ``name``: ``requests.api.get`` for ``requests.get``.

    The module is imported, so call this for names of a manifest only, and once user code is loaded.

    Args:
        name: of a module, a class, a function or a method; it may end in ``.*``.

    Returns:
        the name by definition; the given one where its package is not installed, and for what can't be called.

    Raises:
        UsageError: the package has nothing of that name.
    """
    path, star, _ = name.partition(".*")
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            try:
                found = getattr(found, part)
            except AttributeError:
                raise UsageError(f"rules of the manifest: {name!r}: there is no {part!r}; correct the name") from None
        return name_of(found) + star if callable(found) else name
    return name


def _public_name(module: object, qualname: str) -> str:
    if not isinstance(module, str):
        return qualname
    name = f"{_PUBLIC_MODULES.get(module, module)}.{qualname}"
    if module == "pathlib._abc":
        for private, public in _PUBLIC_CLASSES.items():
            if name.startswith(private):
                return public + name[len(private) :]
    return _PUBLIC_FUNCTIONS.get(name, name)


def _function_name(function: FunctionType) -> str:
    # code that was given to exec without a __name__ has no __module__
    module = function.__module__ or function.__globals__.get("__name__")
    return _public_name(module, function.__qualname__)


def _bound_name(method: MethodType) -> str:
    name = name_of(method.__func__)
    if not name.startswith("random.Random."):
        return name
    if method.__self__ is _SHARED_GENERATOR:
        return name.replace("Random.", "", 1)
    if issubclass(type(method.__self__), random.SystemRandom):
        return name.replace("Random.", "SystemRandom.", 1)
    return name


def _builtin_name(function: BuiltinFunctionType) -> str:
    owner = function.__self__
    if owner is _SHARED_GENERATOR:
        return f"random.{function.__name__}"
    if owner is None or issubclass(type(owner), ModuleType):
        return _public_name(function.__module__, function.__name__)
    return _owned_name(owner, function.__name__)


def _owned_name(owner: object, name: str) -> str:
    if issubclass(type(owner), type):
        class_ = _c_owner(owner, name)  # type: ignore[arg-type]
        if class_ is not None:
            return f"{class_name(class_)}.{name}"
    return f"{class_name(_c_owner(type(owner), name) or type(owner))}.{name}"


def _c_owner(class_: type, name: str) -> type | None:
    """The class that C method ``name`` goes by: the nearest of the interpreter, at the latest the defining one."""
    nearest: type | None = None
    base: type
    for base in _CLASS_MRO(class_):
        if nearest is None and _CLASS_FLAGS(base) & _IMMUTABLE:
            nearest = base
        attribute = _CLASS_DICT(base).get(name)
        if attribute is not None and id(type(attribute)) not in _PYTHON_METHODS:
            return nearest or base
    return None


def _instance_name(instance: object, class_: type) -> str:
    if _CLASS_MODULE(class_) in ("types", "typing"):
        origin = _attribute(instance, class_, "__origin__")
        if origin is not None:
            return name_of(origin)
    qualname, module = _attribute(instance, class_, "__qualname__"), _attribute(instance, class_, "__module__")
    if isinstance(qualname, str) and isinstance(module, str):
        return _public_name(module, qualname)
    wrapped = _attribute(instance, class_, "__wrapped__")
    if wrapped is not None and wrapped is not instance:
        return name_of(wrapped)
    for base in _CLASS_MRO(class_):
        call = _CLASS_DICT(base).get("__call__")
        if type(call) is FunctionType:
            return _function_name(call)
        if call is not None:
            return f"{class_name(_c_owner(class_, '__call__') or base)}.__call__"
    return f"{class_name(class_)}.__call__"


def _attribute(instance: object, class_: type, name: str) -> object:
    """Attribute ``name`` of the instance itself, or from C code; ``None`` where only Python code could tell."""
    for base in _CLASS_MRO(class_):
        found = _CLASS_DICT(base).get(name)
        if id(type(found)) in _C_ATTRIBUTES:
            try:
                return found.__get__(instance, class_)
            except (AttributeError, ValueError):  # ValueError: a wrapper of wrapt that wraps nothing yet
                return None
        holder = _CLASS_DICT(base).get("__dict__")
        if id(type(holder)) in _C_ATTRIBUTES:
            own = dict.get(holder.__get__(instance, class_), name)
            if own is not None:
                return own
    return None
