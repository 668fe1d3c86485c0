"""The reviewed lists: each name exists and is the one its callable shows; calls of both kinds; what a project adds."""

from __future__ import annotations

import _thread
import array
import asyncio
import bz2
import codecs
import collections
import collections.abc
import concurrent.futures
import configparser
import contextlib
import copy
import csv
import ctypes
import datetime
import decimal
import email.message
import email.utils
import functools
import gzip
import hashlib
import heapq
import importlib
import importlib.metadata
import inspect
import io
import itertools
import json
import locale
import logging
import math
import operator
import os
import pathlib
import pickle
import platform
import queue
import random
import re
import secrets
import shelve
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import types
import typing
import unittest
import urllib.parse
import urllib.request
import uuid
import warnings
import xml.etree.ElementTree as ET
import zlib
import zoneinfo
from collections import Counter, OrderedDict
from collections.abc import Iterator

import pytest

from ninelives.code.naming import class_name, defining_name, name_of
from ninelives.code.rules import Kind, Rules, entries, language, lookup, stdlib
from ninelives.errors import UsageError

OURS = [(name, interpreters) for name, interpreters, _ in entries(language.TABLE, stdlib.TABLE)]
on_linux = pytest.mark.skipif(platform.system() != "Linux", reason="os, signal and socket differ")


class Sequence:
    """What iter() makes an `iterator` of."""

    def __getitem__(self, index):
        raise IndexError


def generator():
    yield


async def async_generator():
    yield


async def coroutine():
    pass


def types_without_a_name() -> Iterator[type]:
    yield from (type(None), type(NotImplemented), type(...), types.FunctionType, types.BuiltinFunctionType)
    yield from (types.MethodType, types.MethodWrapperType, types.WrapperDescriptorType, types.MethodDescriptorType)
    yield from (types.ClassMethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType, types.CellType)
    yield from (types.CodeType, types.FrameType, types.TracebackType, types.MappingProxyType, types.ModuleType)
    yield from (type({}.keys()), type({}.values()), type({}.items()), type(iter(Sequence())), type(iter(int, 1)))
    ordered = OrderedDict()
    yield from (type(ordered.keys()), type(ordered.values()), type(ordered.items()), type(iter(ordered)))
    yield from (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, type(exit))
    for iterable in (
        bytearray(),
        b"",
        {},
        {}.values(),
        {}.items(),
        [],
        range(1),
        range(2**70),
        set(),
        "a",
        "\u4e00",
        (),
    ):
        yield type(iter(iterable))
    for iterable in ({}, {}.values(), {}.items(), []):
        yield type(reversed(iterable))
    yield type(iter(memoryview(b"")))
    waiting = coroutine()
    yield type(waiting.__await__())
    waiting.close()
    for awaitable in (async_generator().asend(None), async_generator().athrow(ValueError), anext(async_generator(), 1)):
        yield type(awaitable)
        if hasattr(awaitable, "close"):
            awaitable.close()


def here(interpreters: str) -> bool:
    """Whether this interpreter has a name that is marked with ``interpreters``."""
    if interpreters == "windows":
        return sys.platform == "win32"
    if not interpreters:
        return True
    version = tuple(int(part) for part in interpreters.removeprefix("<").split("."))
    return sys.version_info < version if interpreters.startswith("<") else sys.version_info >= version


def locate(name: str) -> tuple[types.ModuleType | None, list[str]]:
    """The module that is imported to get at ``name``, and the attributes that follow."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                return importlib.import_module(".".join(parts[:length])), parts[length:]
        except ImportError:
            continue
    return None, parts


def resolve(name: str) -> object:
    """What ``name`` leads to by imports and attributes: as it lies in its class, without binding."""
    found: object
    found, parts = locate(name)
    for part in parts:
        found = vars(found)[part] if isinstance(found, type) and part in vars(found) else getattr(found, part)
    return found


def test_no_name_is_listed_twice():
    assert [name for name, count in Counter(name for name, _, _ in entries()).items() if count > 1] == []


@on_linux
def test_every_listed_name_of_the_standard_library_exists_in_this_python():
    nameless = {class_name(type_) for type_ in types_without_a_name()} | {name_of(str.maketrans)}
    nameless |= {f"threading.{name}" for name in vars(_thread)}
    # asyncio does not say what its policies inherit from
    policy = asyncio.DefaultEventLoopPolicy
    nameless |= {name_of(policy.get_event_loop), name_of(policy.new_event_loop)}
    missing = []
    for name, interpreters in OURS:
        path = name.removesuffix(".*")
        if here(interpreters) and path not in nameless:
            try:
                resolve(path)
            except AttributeError:
                missing.append(name)
    assert missing == []


@on_linux
def test_a_listed_name_is_the_one_its_callable_shows():
    """An entry under another path than the defining one would never be found."""
    wrong = {}
    for name, interpreters in OURS:
        path = name.removesuffix(".*")
        try:
            found = resolve(path) if here(interpreters) else None
        except AttributeError:
            continue
        found = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        if callable(found) and name_of(found) != path:
            wrong[path] = name_of(found)
    # bound to an instance, it has the name of the instance's class
    assert wrong == {"io.StringIO.writelines": "io._IOBase.writelines"}
    assert name_of(io.StringIO().writelines) == "io.StringIO.writelines"


#: Functions that look as if they reached out, each looked at: what they name is given to them, or is the session's own.
REVIEWED = {
    "_sitebuiltins.Quitter": "closes the input of an interactive session",
    "_strptime": "parses by the names of the locale",
    "argparse": "reads arguments from files where a program asks for that",
    "asyncio": "the session's loop: its clock, its queues",
    "bdb": "a debugger at work",
    "collections.namedtuple": "evaluates source of its own",
    "concurrent.futures": "waits for lanes",
    "dis.main": "the command line",
    "email._parseaddr.mktime_tz": "converts a time",
    "gettext": "catalogues ship with the program",
    "getopt": "reads the environment",
    "inspect": "finds source files of loaded code",
    "linecache.checkcache": "forgets what changed on disk",
    "logging": "a record has its time and process",
    "optparse": "reads the environment",
    "pdb": "a debugger at work",
    "queue": "waits on the session's clock",
    "random": "methods of one generator call each other",
    "shlex": "reads what it is given",
    "symtable.main": "the command line",
    "json.tool": "the command line",
    "threading": "waits on the session's clock",
    "unittest": "tests of a program, which say how long they took",
    "uuid": "on the session's generator",
    "encodings": "imports a codec",
    "http.cookies._getdate": "what calls it is listed as clock",
    "imaplib.Internaldate2tuple": "converts a time",
    "sqlite3.dbapi2": "converts a time",
    "ssl.cert_time_to_seconds": "converts a time",
    "xml.dom.domreg": "imports an implementation",
    "pprint._perfcheck": "measures itself",
    "xml.etree.ElementTree._get_writer": "what calls it is an activity",
    "zipfile.ZipInfo.__repr__": "shows a mode",
    "zoneinfo": "time zones are a part of the installation",
}
OUTSIDE = set(
    """
    FileIO Popen connect environ fdopen fork getfqdn gethostname getnode getpid getrandbits gmtime input isfile kill listdir
    localtime lstat mkdir mkstemp monotonic now open perf_counter randrange rename scandir select socket stat stdin system
    tempfile time time_ns today urandom urlopen
    """.split()  # noqa: SIM905  (a list of words)
)


def global_names(code: types.CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(global_names, inner))


def test_no_function_that_names_something_of_the_outside_is_listed_as_direct_without_a_reason():
    direct = {Kind.DETERMINISTIC, Kind.HANDED, Kind.DRIVES, Kind.READS_FRAME}
    found = set()
    for module in {locate(name)[0] for name, interpreters in OURS if here(interpreters)} - {None}:
        for value in vars(module).values():
            for function in [value, *(vars(value).values() if isinstance(value, type) else ())]:
                function = inspect.unwrap(function) if isinstance(function, types.FunctionType) else function
                if not isinstance(function, types.FunctionType) or lookup(name_of(function)) not in direct:
                    continue
                if global_names(function.__code__) & OUTSIDE:
                    found.add(name_of(function))
    assert [name for name in sorted(found) if not any(name.startswith(reviewed) for reviewed in REVIEWED)] == []


class List(list):
    """A user's list."""


class Stamp(datetime.datetime):
    """A user's date."""


parser = configparser.ConfigParser()
message = email.message.EmailMessage()
table = [
    # builtins, and methods of builtin types
    (len, "builtins.len", "deterministic"),
    (isinstance, "builtins.isinstance", "deterministic"),
    (ValueError, "builtins.ValueError", "deterministic"),
    (ExceptionGroup, "builtins.ExceptionGroup", "deterministic"),
    (int, "builtins.int", "deterministic"),
    (True.bit_length, "builtins.bool.bit_length", "deterministic"),
    ("a".upper, "builtins.str.upper", "deterministic"),
    (str.upper, "builtins.str.upper", "deterministic"),
    (str.maketrans, "maketrans", "deterministic"),
    ([].append, "builtins.list.append", "deterministic"),
    ([].__len__, "builtins.list.__len__", "deterministic"),
    (list.__len__, "builtins.list.__len__", "deterministic"),
    (List().append, "builtins.list.append", "deterministic"),
    ({}.get, "builtins.dict.get", "deterministic"),
    ({}.items().isdisjoint, "builtins.dict_items.isdisjoint", "deterministic"),
    (object.__new__, "builtins.object.__new__", "deterministic"),
    (type, "builtins.type", "deterministic"),
    (super, "builtins.super", "deterministic"),
    (id, "builtins.id", "deterministic"),
    (sorted, "builtins.sorted", "handed"),
    (map, "builtins.map", "handed"),
    (list, "builtins.list", "handed"),
    (dict.fromkeys, "builtins.dict.fromkeys", "handed"),
    (",".join, "builtins.str.join", "handed"),
    ([].extend, "builtins.list.extend", "handed"),
    ([].sort, "builtins.list.sort", "handed"),
    ({}.update, "builtins.dict.update", "handed"),
    (set().union, "builtins.set.union", "handed"),
    (list[int], "builtins.list", "handed"),
    (print, "builtins.print", "special"),
    (input, "builtins.input", "special"),
    (exec, "builtins.exec", "special"),
    (__import__, "builtins.__import__", "special"),
    (breakpoint, "builtins.breakpoint", "special"),
    (open, "io.open", "special"),
    (io.open, "io.open", "special"),
    (pathlib.Path("x").open, "pathlib.Path.open", "special"),
    (importlib.import_module, "importlib.import_module", "special"),
    (importlib.reload, "importlib.reload", "special"),
    (asyncio.run, "asyncio.run", "special"),
    (locals, "builtins.locals", "reads_frame"),
    (generator().send, "builtins.generator.send", "as_self"),
    # data
    (json.loads, "json.loads", "handed"),
    (json.JSONEncoder().encode, "json.encoder.JSONEncoder.encode", "handed"),
    (re.compile("a").match, "re.Pattern.match", "deterministic"),
    (re.compile("a").sub, "re.Pattern.sub", "handed"),
    (re.sub, "re.sub", "handed"),
    (collections.deque().append, "collections.deque.append", "handed"),
    (collections.OrderedDict().move_to_end, "collections.OrderedDict.move_to_end", "handed"),
    (collections.Counter().most_common, "collections.Counter.most_common", "handed"),
    (collections.namedtuple, "collections.namedtuple", "reads_frame"),
    (copy.deepcopy, "copy.deepcopy", "deterministic"),
    (decimal.Decimal("1").quantize, "decimal.Decimal.quantize", "deterministic"),
    (decimal.setcontext, "decimal.setcontext", "configures"),
    (hashlib.sha256, "hashlib.sha256", "deterministic"),
    (hashlib.sha256().update, "hashlib.HASH.update", "deterministic"),
    (hashlib.file_digest, "hashlib.file_digest", "handed"),
    (heapq.heappush, "heapq.heappush", "handed"),
    (itertools.chain.from_iterable, "itertools.chain.from_iterable", "handed"),
    (math.sqrt, "math.sqrt", "deterministic"),
    (operator.itemgetter(1), "operator.itemgetter.__call__", "deterministic"),
    (operator.methodcaller, "operator.methodcaller", "deterministic"),
    (operator.methodcaller("read"), "operator.methodcaller.__call__", "activity"),
    (functools.partial, "functools.partial", "handed"),
    (functools.partial(json.dumps, indent=1), "json.dumps", "handed"),
    (functools.lru_cache(os.getenv), "os.getenv", "environment"),
    (functools.reduce, "functools.reduce", "handed"),
    (functools.wraps, "functools.wraps", "drives"),
    (pickle.dumps, "pickle.dumps", "deterministic"),
    (pickle.dump, "pickle.dump", "handed"),
    (csv.reader, "csv.reader", "handed"),
    (csv.writer(io.StringIO()).writerow, "csv.writer.writerow", "handed"),
    (array.array("i").append, "array.array.append", "handed"),
    (zlib.compress, "zlib.compress", "deterministic"),
    (zlib.compressobj().compress, "zlib.Compress.compress", "deterministic"),
    (statistics.mean, "statistics.mean", "handed"),
    (statistics.NormalDist().samples, "statistics.NormalDist.samples", "activity"),
    (tomllib.loads, "tomllib.loads", "handed"),
    (urllib.parse.quote, "urllib.parse.quote", "deterministic"),
    (io.StringIO, "io.StringIO", "deterministic"),
    (io.StringIO().write, "io.StringIO.write", "deterministic"),
    (io.StringIO().readlines, "io.StringIO.readlines", "deterministic"),
    (io.BytesIO().read, "io.BytesIO.read", "deterministic"),
    (bz2.compress, "bz2.compress", "deterministic"),
    (gzip.decompress, "gzip.decompress", "deterministic"),
    (gzip.compress, "gzip.compress", "activity"),
    (codecs.open, "codecs.open", "activity"),
    (parser.read, "configparser.RawConfigParser.read", "activity"),
    (parser.read_string, "configparser.RawConfigParser.read_string", "deterministic"),
    (parser.read_file, "configparser.RawConfigParser.read_file", "handed"),
    (ET.fromstring, "xml.etree.ElementTree.XML", "deterministic"),
    (ET.Element("a").append, "xml.etree.ElementTree.Element.append", "deterministic"),
    (ET.parse, "xml.etree.ElementTree.parse", "activity"),
    (ET.ElementTree().write, "xml.etree.ElementTree.ElementTree.write", "activity"),
    (message.set_content, "email.message.EmailMessage.set_content", "deterministic"),
    (message.as_string, "email.message.MIMEPart.as_string", "activity"),
    (email.utils.make_msgid, "email.utils.make_msgid", "activity"),
    (zoneinfo.ZoneInfo, "zoneinfo.ZoneInfo", "deterministic"),
    (zoneinfo.available_timezones, "zoneinfo.available_timezones", "activity"),
    (uuid.UUID, "uuid.UUID", "deterministic"),
    (uuid.uuid5, "uuid.uuid5", "deterministic"),
    # files, processes, the network
    (os.fspath, "os.fspath", "deterministic"),
    (os.fsencode, "os.fsencode", "deterministic"),
    (os.getcwd, "os.getcwd", "deterministic"),
    (os.path.join, "os.path.join", "deterministic"),
    (os.path.normpath, "os.path.normpath", "deterministic"),
    (os.path.exists, "os.path.exists", "activity"),
    (os.path.realpath, "os.path.realpath", "activity"),
    (os.path.expanduser, "os.path.expanduser", "environment"),
    (os.listdir, "os.listdir", "activity"),
    (os.getpid, "os.getpid", "activity"),
    (os.walk, "os.walk", "activity"),
    (os.chdir, "os.chdir", "configures"),
    (os.getenv, "os.getenv", "environment"),
    (os.environ.copy, "os._Environ.copy", "environment"),
    (pathlib.Path, "pathlib.Path", "deterministic"),
    (pathlib.Path("x").with_suffix, "pathlib.PurePath.with_suffix", "deterministic"),
    (pathlib.Path("x").exists, "pathlib.Path.exists", "activity"),
    (pathlib.Path("x").read_text, "pathlib.Path.read_text", "activity"),
    (pathlib.Path("x").is_mount, "pathlib.Path.is_mount", "activity"),
    (pathlib.Path.cwd, "pathlib.Path.cwd", "deterministic"),
    (pathlib.Path.home, "pathlib.Path.home", "environment"),
    (tempfile.mkstemp, "tempfile.mkstemp", "activity"),
    (shutil.copy, "shutil.copy", "activity"),
    (shelve.open, "shelve.open", "activity"),
    (subprocess.run, "subprocess.run", "activity"),
    (subprocess.CompletedProcess, "subprocess.CompletedProcess", "deterministic"),
    (socket.create_connection, "socket.create_connection", "activity"),
    (socket.socket.recv, "socket.socket.recv", "activity"),
    (socket.inet_aton, "socket.inet_aton", "deterministic"),
    (socket.setdefaulttimeout, "socket.setdefaulttimeout", "configures"),
    (urllib.request.urlopen, "urllib.request.urlopen", "activity"),
    (sqlite3.connect, "sqlite3.connect", "activity"),
    (sqlite3.Cursor.execute, "sqlite3.Cursor.execute", "activity"),
    (ctypes.CDLL, "ctypes.CDLL", "activity"),
    (importlib.metadata.version, "importlib.metadata.version", "environment"),
    # the process
    (logging.basicConfig, "logging.basicConfig", "configures"),
    (logging.getLogger().info, "logging.Logger.info", "reads_frame"),
    (logging.getLogger().setLevel, "logging.Logger.setLevel", "configures"),
    (warnings.warn, "warnings.warn", "reads_frame"),
    (warnings.simplefilter, "warnings.simplefilter", "configures"),
    (inspect.currentframe, "inspect.currentframe", "reads_frame"),
    (sys._getframe, "sys._getframe", "reads_frame"),
    (sys.exit, "sys.exit", "deterministic"),
    (exit, "_sitebuiltins.Quitter.__call__", "deterministic"),
    (sys.setrecursionlimit, "sys.setrecursionlimit", "configures"),
    (locale.setlocale, "locale.setlocale", "configures"),
    (signal.signal, "signal.signal", "configures"),
    (typing.cast, "typing.cast", "deterministic"),
    (typing.NamedTuple, "typing.NamedTuple", "reads_frame"),
    # the clock, and what is random
    (time.time, "time.time", "clock"),
    (time.monotonic_ns, "time.monotonic_ns", "clock"),
    (time.strptime, "time.strptime", "deterministic"),
    (time.sleep, "time.sleep", "session"),
    (datetime.datetime.now, "datetime.datetime.now", "clock"),
    (datetime.datetime.today, "datetime.datetime.today", "clock"),
    (datetime.date.today, "datetime.date.today", "clock"),
    (Stamp.now, "datetime.datetime.now", "clock"),
    (datetime.datetime(2024, 1, 1).isoformat, "datetime.datetime.isoformat", "deterministic"),
    (os.urandom, "os.urandom", "entropy"),
    (secrets.token_hex, "secrets.token_hex", "entropy"),
    (secrets.choice, "random.SystemRandom.choice", "entropy"),
    (random.SystemRandom().random, "random.SystemRandom.random", "entropy"),
    (random.SystemRandom().shuffle, "random.SystemRandom.shuffle", "entropy"),
    (random.random, "random.random", "random"),
    (random.choice, "random.choice", "random"),
    (random.seed, "random.seed", "random"),
    (random.Random, "random.Random", "random"),
    (random.Random(1).choice, "random.Random.choice", "deterministic"),
    (random.Random(1).random, "random.Random.random", "deterministic"),
    (uuid.uuid4, "uuid.uuid4", "random"),
    (uuid.getnode, "uuid.getnode", "activity"),
    # lanes
    (asyncio.sleep, "asyncio.sleep", "session"),
    (asyncio.gather, "asyncio.gather", "special"),
    (asyncio.as_completed, "asyncio.as_completed", "special"),
    (asyncio.wait, "asyncio.wait", "drives"),
    (asyncio.Queue().put, "asyncio.Queue.put", "drives"),
    (asyncio.to_thread, "asyncio.to_thread", "drives"),
    (asyncio.open_connection, "asyncio.open_connection", "activity"),
    (asyncio.create_subprocess_exec, "asyncio.subprocess.create_subprocess_exec", "activity"),
    (asyncio.StreamWriter.write, "asyncio.StreamWriter.write", "activity"),
    (threading.Lock, None, "deterministic"),
    (threading.Lock().acquire, "threading.lock.acquire", "deterministic"),
    (threading.Event().wait, "threading.Event.wait", "deterministic"),
    (threading.Thread, "threading.Thread", "thread"),
    (threading.Timer, "threading.Timer", "thread"),
    (_thread.start_new_thread, "threading.start_new_thread", "thread"),
    (queue.Queue().get, "queue.Queue.get", "deterministic"),
    (queue.SimpleQueue().put, "queue.SimpleQueue.put", "deterministic"),
    (concurrent.futures.ThreadPoolExecutor, "concurrent.futures.ThreadPoolExecutor", "thread"),
    (concurrent.futures.ThreadPoolExecutor.submit, "concurrent.futures.ThreadPoolExecutor.submit", "thread"),
    (concurrent.futures.Executor.map, "concurrent.futures.Executor.map", "as_self"),
    (concurrent.futures.ProcessPoolExecutor.submit, "concurrent.futures.ProcessPoolExecutor.submit", "activity"),
    (concurrent.futures.wait, "concurrent.futures.wait", "drives"),
    # what drives user code
    (contextlib.contextmanager, "contextlib.contextmanager", "drives"),
    (contextlib.ExitStack().enter_context, "contextlib._BaseExitStack.enter_context", "drives"),
    (unittest.TestCase().assertEqual, "unittest.case.TestCase.assertEqual", "drives"),
    (collections.abc.MutableMapping.update, "collections.abc.MutableMapping.update", "as_self"),
    (collections.UserDict().copy, "collections.UserDict.copy", "as_self"),
]


@pytest.mark.parametrize(("callable_", "name", "kind"), table, ids=[f"{name}-{kind}" for _, name, kind in table])
def test_what_a_call_is(callable_, name, kind):
    assert name in (None, name_of(callable_))
    assert lookup(name_of(callable_)) == kind


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("deterministic", "autokitteh.slack.slack_client autokitteh.google.gmail_client autokitteh.event.Event"),
        ("deterministic", "autokitteh.attr_dict.AttrDict lxml.etree.fromstring pytz.timezone markupsafe.escape"),
        ("deterministic", "requests.exceptions.HTTPError requests.structures.CaseInsensitiveDict phonenumbers.parse"),
        ("deterministic", "tiktoken.core.Encoding.encode packaging.version.Version"),
        ("deterministic", "sqlalchemy.sql._selectable_constructors.select bs4.element.Tag.find dateutil.tz.tz.tzutc"),
        (
            "handed",
            "numpy.array numpy.random._generator.Generator.normal numpy.ndarray.sum numpy.linalg.inv numpy.lib._function_base_impl.vectorize.__call__",
        ),
        ("handed", "pandas.core.frame.DataFrame.groupby pandas.DataFrame pandas.core.generic.NDFrame.pipe"),
        ("handed", "pandas.Timestamp.isoformat pandas.io.formats.style.Styler.format yaml.safe_load orjson.dumps"),
        ("handed", "bs4.BeautifulSoup networkx.classes.graph.Graph.add_edge networkx.generators.classic.path_graph"),
        ("handed", "arrow.arrow.Arrow.shift more_itertools.more.chunked toolz.itertoolz.groupby msgspec.json.decode"),
        ("handed", "croniter.croniter.croniter.get_next jsonschema.validators.validate sympy.core.symbol.Symbol"),
        ("configures", "dotenv.main.load_dotenv sentry_sdk._init_implementation._init pandas.set_option"),
        ("configures", "structlog._config.configure matplotlib.use numpy.seterr autokitteh.packages.install"),
        ("drives", "tenacity.Retrying.__call__ pydantic.main.BaseModel.model_validate click.core.Command.main"),
        ("drives", "langgraph.pregel.main.Pregel.invoke langchain_core.runnables.base.RunnableLambda.invoke"),
        ("drives", "attr._make.attrs cattrs.converters.BaseConverter.structure jinja2.environment.Template.render"),
        ("drives", "jinja2.environment.Environment.get_template pluggy._hooks.HookCaller.__call__ typer.main.Typer"),
        ("reads_frame", "pandas.core.frame.DataFrame.query loguru._logger.Logger.info structlog._native.info"),
        ("reads_frame", "dotenv.main.find_dotenv rich.console.Console.print"),
        ("as_self", "langchain_core.runnables.base.Runnable.batch langchain_core.tools.base.BaseTool.invoke"),
        (
            "clock",
            "arrow.api.utcnow pendulum.now pandas._libs.tslibs.timestamps.Timestamp.now humanize.time.naturaltime",
        ),
        ("clock", "dateutil.parser._parser.parse numpy.datetime64 django.utils.timezone.now"),
        ("session", "autokitteh.events.next_event autokitteh.store.set_value ninelives.sleep ninelives.start"),
        ("environment", "pydantic_settings.main.BaseSettings autokitteh.triggers.get_webhook_url dotenv.main.get_key"),
        ("activity", "requests.sessions.Session.get requests.models.Response.json httpx.Client slack_sdk.WebClient"),
        ("activity", "openai.resources.chat.completions.Completions.create boto3.client redis.client.Redis.get"),
        ("activity", "numpy.load numpy.ndarray.tofile numpy.random.rand httpx._models.Response.json"),
        ("activity", "pandas.read_csv pandas.io.parsers.readers.read_csv pandas.core.generic.NDFrame.to_csv"),
        ("activity", "pandas.core.frame.DataFrame.to_parquet pandas.core.generic.NDFrame.sample lxml.etree.parse"),
        ("activity", "networkx.generators.random_graphs.gnp_random_graph networkx.readwrite.gml.read_gml"),
        ("activity", "langchain_core.language_models.chat_models.BaseChatModel.invoke jwt.api_jwt.PyJWT.decode"),
        ("activity", "langchain_core.runnables.base.RunnableSequence.invoke tiktoken.registry.get_encoding"),
        ("activity", "autokitteh.azurebot.AzureBotClient.send_conversation_activity click.termui.prompt"),
        ("activity", "cryptography.fernet.Fernet.encrypt email_validator.validate_email toml.decoder.load faker.Faker"),
    ],
)
def test_what_calls_of_other_packages_are(kind, names):
    assert {name: lookup(name) for name in names.split()} == dict.fromkeys(names.split(), kind)


def test_a_name_covers_what_is_below_it_and_the_most_specific_one_wins():
    rules = Rules(
        {"shop": "deterministic", "shop.api": "activity", "shop.api.Cart": "handed", "shop.api.Cart.*": "drives"}
    )
    assert rules.lookup("shop.money.Price.add") == "deterministic"
    assert rules.lookup("shop.api.fetch") == "activity"
    assert rules.lookup("shop.api.Cart") == "handed"
    assert rules.lookup("shop.api.Cart.add") == "drives"
    assert rules.lookup("shopping.buy") == "activity"


def test_what_a_project_adds_wins_over_ours_and_leaves_ours_alone():
    assert Rules({"json.loads": "activity"}).lookup("json.loads") is Kind.ACTIVITY
    assert lookup("json.loads") is Kind.HANDED


def test_a_project_that_names_an_unknown_kind_is_told_so():
    with pytest.raises(
        UsageError, match=r"'json.loads' has the unknown kind 'pure'; use one of deterministic, handed,"
    ):
        Rules({"json.loads": "pure"})


@pytest.mark.parametrize("kind", ["as_self", "random", "session", "thread", "special"])
def test_a_project_is_offered_the_kinds_that_the_docs_have(kind):
    docs = pathlib.Path(__file__).parents[1].joinpath("docs", "replay-rules.md").read_text()
    with pytest.raises(UsageError) as raised:
        Rules({"shop.buy": kind})
    offered = str(raised.value).partition("; use one of ")[2].split(", ")
    assert "deterministic" in offered
    assert kind not in offered
    for each in offered:
        assert f"`{each}`" in docs


def test_an_inherited_mixin_method_is_what_the_class_of_its_object_is():
    rules = Rules()
    assert rules.inherited("shelve.DbfilenameShelf", "pop") == "activity"
    assert rules.inherited("os._Environ", "pop") == "environment"
    assert rules.inherited("collections.UserDict", "pop") == "deterministic"
    assert rules.inherited("configparser.SectionProxy", "get") == "deterministic"
    assert rules.inherited("concurrent.futures.ThreadPoolExecutor", "map") == "thread"
    assert rules.inherited("concurrent.futures.ProcessPoolExecutor", "map") == "activity"
    assert rules.inherited("langchain_openai.ChatOpenAI", "batch") == "activity"
    assert rules.inherited("langchain_core.runnables.base.RunnableLambda", "batch") == "drives"


def test_naming_runs_no_code_of_what_it_names():
    def refuse(*_args, **_keywords):
        raise AssertionError("code of the callable ran")

    class Meta(type):
        __getattribute__ = __call__ = __eq__ = __instancecheck__ = refuse
        __hash__ = type.__hash__

    hostile = ["__getattribute__", "__getattr__", "__eq__", "__repr__", "__str__", "__bool__", "__class_getitem__"]
    body = dict.fromkeys(hostile, refuse) | dict.fromkeys(["__wrapped__", "__dict__"], property(refuse))
    class_ = type.__call__(Meta, "Strange", (), body | {"__module__": "shop", "__hash__": refuse, "__call__": refuse})
    assert name_of(class_) == "shop.Strange"
    assert name_of(object.__new__(class_)).endswith("refuse")
    assert name_of(types.MethodType(refuse, object.__new__(class_))).endswith("refuse")


def test_names_of_wrappers():
    wrapper = functools.singledispatch(json.loads)
    assert name_of(wrapper) == "json.loads"
    assert name_of(typing.List[int]) == "builtins.list"  # noqa: UP006  (the alias itself is meant)
    assert name_of(functools.partial(functools.partial(max, 1), 2)) == "builtins.max"


@pytest.mark.parametrize(
    ("public", "defining"),
    [
        ("json.JSONDecoder.decode", "json.decoder.JSONDecoder.decode"),
        ("pathlib.PosixPath.exists", "pathlib.Path.exists"),
        ("email.message.EmailMessage.*", "email.message.EmailMessage.*"),
        ("pydantic.BaseModel.model_dump", "pydantic.main.BaseModel.model_dump"),
        ("xml.etree", "xml.etree"),
        ("a_package_that_is_not_there.f", "a_package_that_is_not_there.f"),
    ],
)
def test_the_name_users_know_leads_to_the_name_by_definition(public, defining):
    assert defining_name(public) == defining


def test_a_name_that_its_package_does_not_have_is_an_error():
    with pytest.raises(UsageError, match=r"'json.lods': there is no 'lods'; correct the name"):
        defining_name("json.lods")
