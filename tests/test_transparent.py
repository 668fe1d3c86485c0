"""The guard is not seen: what a program finds out about itself is what plain Python tells it.

Each program below has a function ``check``. It runs three times: in plain Python, in a session, and in a session that
finds the rewritten code in its cache. What it returns must be the same.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

SOURCES = str(Path(__file__).parents[1] / "src")

PROGRAMS = {
    "depth": """
        import functools
        import sys


        def depth(*_):
            frame, n = sys._getframe(1), 0
            while frame.f_code.co_name != "check":
                frame, n = frame.f_back, n + 1
            return n


        class Thing:
            def __init__(self):
                self.made = depth()

            def method(self):
                return depth()

            @classmethod
            def of_class(cls):
                return depth()

            @staticmethod
            def static():
                return depth()

            @property
            def attribute(self):
                return depth()

            def __call__(self):
                return depth()


        def decorated(f):
            @functools.wraps(f)
            def wrapper(*args):
                return f(*args)

            return wrapper


        @functools.lru_cache
        def cached():
            return depth()


        def check():
            thing = Thing()
            return {
                "function": depth(),
                "class": thing.made,
                "methods": [thing.method(), Thing.method(thing), Thing.of_class(), Thing.static(), thing.attribute, thing()],
                "lambda": (lambda: depth())(),
                "decorated": decorated(depth)(),
                "comprehension": [depth() for _ in "a"],
                "partial": functools.partial(depth, 1)(),
                "cached": cached(),
            }
        """,
    "supers": """
        class Base:
            registered = []

            def __init_subclass__(cls, **kwargs):
                super().__init_subclass__(**kwargs)
                Base.registered.append(cls.__name__)

            def __new__(cls, *args):
                made = super().__new__(cls)
                made.via = "Base.__new__"
                return made

            def __init__(self, x):
                self.x = x

            def who(self):
                return ["Base"]

            @classmethod
            def of_class(cls):
                return ["Base", cls.__name__]

            @property
            def attribute(self):
                return "Base.attribute"


        class Left(Base):
            def who(self):
                return ["Left", *super().who()]


        class Right(Base):
            def who(self):
                return ["Right", *super(Right, self).who()]


        class Both(Left, Right):
            def __init__(self, x):
                super().__init__(x)
                super().__setattr__("y", x)

            def who(self):
                names = ["Both"]
                names.extend(super().who())
                return names

            @classmethod
            def of_class(cls):
                return ["Both", *super().of_class()]

            @property
            def attribute(self):
                return super().attribute + "!"

            def inner(self):
                def ask():
                    return super(Both, self).who()

                return [ask(), __class__.__name__, [super(Both, self).who() for _ in "a"]]

            def wrong(self):
                try:
                    (lambda: super().who())()
                except (RuntimeError, TypeError) as error:
                    return f"{type(error).__name__}: {error}"


        class Number(int):
            def __add__(self, other):
                return ("Number", super().__add__(other))


        def check():
            both = Both(1)
            return [
                both.who(), Both.of_class(), both.attribute, both.inner(), both.wrong(), both.via, both.x, both.y,
                Base.registered, Number(1) + 2,
            ]
        """,
    "scopes": """
        NAME = "module"


        def inner_scopes():
            x = 1

            def inner(y):
                return sorted(locals()), x

            return inner(2)


        class Body:
            a = 1
            names = sorted(name for name in locals() if not name.startswith("__"))

            def __init__(self):
                self.b = 2


        def check():
            x, y = 1, [2]
            exec("z = x + 1")
            scope = {"given": 1}
            exec("taken = given + len('ab')", scope)
            return {
                "locals": sorted(locals()),
                "vars": sorted(vars()),
                "dir": sorted(dir()),
                "same": locals() is vars(),
                "object": [vars(Body()), [name for name in dir(Body()) if not name.startswith("__")]],
                "inner": inner_scopes(),
                "body": Body.names,
                "comprehension": [sorted(name for name in locals() if not name.startswith(".")) for i in [1]][0][:1],
                "globals": sorted(name for name in globals() if not name.startswith("@")),
                "own": globals()["NAME"] + eval("NAME + str(x)") + str(eval("a + 1", {"a": 1})),
                "scope": sorted(set(scope) - {"__builtins__"}),
            }
        """,
    "inspected": """
        import functools
        import inspect


        # about work
        def work(a, /, b: int = len("ab"), *args, c, d=None, **kwargs) -> "str":
            '''Work.'''
            return stack()


        def stack():
            return [(frame.function, frame.lineno, frame.code_context) for frame in inspect.stack()[0:3]]


        def decorated(f):
            @functools.wraps(f)
            def wrapper(*args, **kwargs):
                return f(*args, **kwargs)

            return wrapper


        @decorated
        async def later(x: list[int] = [sum([1])]):
            '''Later.'''


        class Thing:
            '''A thing.'''

            size: int = max(1, 2)

            def __init__(self, x, *, y=2):
                self.x = work(x, c=y)

            def method(self, z=dict(a=1)):
                return inspect.currentframe().f_lineno, inspect.currentframe().f_code.co_name


        def check():
            thing = Thing(1)
            here = inspect.getframeinfo(inspect.currentframe())
            return {
                "signatures": [str(inspect.signature(f)) for f in (work, later, Thing, Thing.method, thing.method)],
                "sources": [inspect.getsource(f) for f in (work, later, Thing, Thing.method, decorated)],
                "lines": inspect.getsourcelines(Thing.method)[1],
                "docs": [inspect.getdoc(work), inspect.getdoc(Thing), inspect.getcomments(work)],
                "kinds": [inspect.iscoroutinefunction(later.__wrapped__), inspect.isfunction(work), inspect.isclass(Thing)],
                "files": [inspect.getfile(work), inspect.getmodule(work).__name__, inspect.getsourcefile(Thing)],
                "arguments": inspect.getcallargs(work, 1, c=2),
                "stack": thing.x,
                "frame": [here.function, here.lineno, here.code_context, thing.method()],
                "annotations": [work.__annotations__["return"], Thing.__annotations__["size"].__name__],
            }
        """,
    "named": """
        '''What this module is about.'''

        import collections
        import dataclasses
        import enum
        import typing


        def outer():
            def inner():
                pass

            class Local:
                def method(self):
                    pass

            return inner, Local, Local.method, lambda: None


        class Thing:
            class Nested:
                def method(self):
                    pass


        def names(*things):
            return [(thing.__name__, thing.__qualname__, thing.__module__) for thing in things]


        Point = collections.namedtuple("Point", "x y")
        Typed = typing.NamedTuple("Typed", [("x", int)])
        Color = enum.Enum("Color", "RED GREEN")
        T = typing.TypeVar("T")
        Id = typing.NewType("Id", int)
        Movie = typing.TypedDict("Movie", {"name": str})


        def check():
            made = collections.namedtuple("Made", "x"), enum.Enum("Shade", "DARK"), dataclasses.make_dataclass("Data", ["x"])
            return {
                "names": names(outer, *outer(), Thing, Thing.Nested, Thing.Nested.method, Thing().Nested().method.__func__),
                "module": [__name__, __doc__, __file__, __package__, __spec__.name, __spec__.origin],
                "code": [(f.__code__.co_filename, f.__code__.co_firstlineno, f.__code__.co_name) for f in (outer, check)],
                "made": names(Point, Typed, Color, Movie, *made),
                "typing": [T.__module__, Id.__module__, type("Dynamic", (), {}).__module__],
                "shown": [repr(Point(1, 2)), repr(Color.RED), repr(Thing)],
            }
        """,
    "warned": """
        import contextlib
        import functools
        import warnings


        def old(level):
            warnings.warn(f"level {level}", DeprecationWarning, stacklevel=level)


        def between(level):
            old(level)


        class Thing:
            def __init__(self):
                warnings.warn("a thing", stacklevel=2)


        class Derived(Thing):
            def __init__(self):
                super().__init__()


        @contextlib.contextmanager
        def block():
            warnings.warn("in a block", stacklevel=3)
            yield


        def check():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                old(1)
                old(2)
                between(3)
                Thing()
                Derived()
                [
                    old(2)
                    for _ in [1]
                ]
                functools.partial(
                    old, 2
                )()
                with block():
                    warnings.warn_explicit("explicit", UserWarning, "file.py", 7)
            return [(str(one.message), one.category.__name__, one.filename, one.lineno) for one in caught]
        """,
    "logged": """
        import io
        import logging

        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(name)s %(module)s %(filename)s %(funcName)s %(lineno)d %(message)s"))
        logger = logging.getLogger("transparent")
        logger.addHandler(handler)
        logger.setLevel("DEBUG")
        logger.propagate = False


        def helper(text):
            logger.warning(text, stacklevel=2)


        class Worker:
            log = logging.LoggerAdapter(logger, {})

            def work(self):
                self.log.info("adapted")
                helper("from work")


        def check():
            logger.info("plain %s", 1)
            helper("helped")
            Worker().work()
            logger.log(
                logging.ERROR,
                "several lines",
            )
            try:
                {}["missing"]
            except KeyError:
                logger.exception("failed")
            logger.debug("with its stack", stack_info=True)
            text = stream.getvalue()
            shown, _, stack = text.partition("Stack (most recent call last):")
            return shown.splitlines(), stack.splitlines()[-2:]
        """,
    "tracebacks": """
        import traceback


        class Chain:
            def first(self):
                return self

            def second(self, *_):
                return self

            def fail(self, what):
                raise ValueError(what)

            def __getattr__(self, name):
                raise AttributeError(f"no {name}")


        def chained():
            return (
                Chain()
                .first()
                .second(
                    1,
                    2,
                )
                .fail("in a chain")
            )


        def missing_in_chain():
            return (
                Chain()
                .first()
                .nothing()
                .second()
            )


        def argument():
            return Chain().second(
                1, int("x") + 1,
                Chain().first(),
            )


        def nested():
            return len(str(Chain().first().fail("nested")))


        def looped():
            for item in [
                1,
                0,
            ]:
                str(
                    1 / item,
                )


        def unpacked():
            a, b = Chain().first(), [1, 2][
                5
            ]


        def caused():
            try:
                nested()
            except ValueError as error:
                raise RuntimeError("caused") from error


        def not_callable():
            x = 1
            return x(
                2
            )


        def wrong_arguments():
            return Chain().first(1)


        def entered():
            with Chain(), Chain():
                pass


        def iterated():
            for _ in 5:
                pass


        def contained():
            return 1 in 5


        def in_lambda():
            return list(map(lambda x: 1 / x, [0]))


        def comprehended():
            return [
                1 / x
                for x in
                [0]
            ]


        def check():
            found = {}
            for f in (
                chained, missing_in_chain, argument, nested, unpacked, caused, not_callable, wrong_arguments, entered, iterated,
                contained, in_lambda, comprehended,
            ):
                try:
                    f()
                except Exception as error:
                    places = [
                        (frame.name, frame.lineno, frame.end_lineno, frame.colno, frame.end_colno)
                        for frame in traceback.extract_tb(error.__traceback__)
                    ]
                    found[f.__name__] = ["".join(traceback.format_exception(error)), places]
            return found
        """,
}

MAIN = """
    import importlib
    import json
    import traceback


    def main(event):
        for name in {names}:
            try:
                found = importlib.import_module(name).check()
            except Exception:
                found = traceback.format_exc()
            print(json.dumps([name, found]))
"""

SESSION = [sys.executable, "-m", "ninelives", "run", "main.py:main"]
PLAIN = [sys.executable, "-c", "import main; main.main(None)"]


class Code:
    """A folder with user code, in which commands run."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder.resolve()
        self.file = str(self.folder / "main.py")
        for name, text in files.items():
            (self.folder / name).write_text(textwrap.dedent(text).lstrip("\n"))

    def run(self, command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**environment, "PYTHONPATH": SOURCES, "PYTHONDONTWRITEBYTECODE": "1"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return what the programs found out, by the way they ran."""
    files = {f"{name}.py": text for name, text in PROGRAMS.items()} | {"main.py": MAIN.format(names=list(PROGRAMS))}
    code = Code(tmp_path_factory.mktemp("transparent"), files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NINELIVES_HOME", str(tmp_path_factory.mktemp("home")))
        ways = {"plain": PLAIN, "rewritten": SESSION, "cached": SESSION}
        return {way: _documents(code.run(command)) for way, command in ways.items()}


def _documents(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("way", ["rewritten", "cached"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_finds_out_what_plain_python_tells_it(found: dict[str, dict[str, Any]], name: str, way: str) -> None:
    plain = found["plain"][name]
    assert not isinstance(plain, str), plain
    assert found[way][name] == plain


def test_a_callback_of_a_direct_call_has_at_most_one_frame_more(tmp_path: Path) -> None:
    code = Code(tmp_path, {"main.py": CALLBACKS})
    plain, session = (json.loads(code.run(command).stdout) for command in (PLAIN, SESSION))
    assert {name: depth - plain[name] for name, depth in session.items() if depth - plain[name] not in (0, 1)} == {}


CALLBACKS = """
    import functools
    import json
    import re
    import sys


    def depth(*_):
        frame, n = sys._getframe(1), 0
        while frame.f_code.co_name != "main":
            frame, n = frame.f_back, n + 1
        return n


    def generator():
        yield depth()


    def main(event):
        found = {
            "generator": next(generator()),
            "object_hook": json.loads("{}", object_hook=depth),
        }
        max([1, 2], key=lambda _: found.update(max=depth()) or 1)
        sorted([1], key=lambda _: found.update(sorted=depth()))
        [1].sort(key=lambda _: found.update(sort=depth()))
        list(map(lambda _: found.update(map=depth()), [1]))
        functools.reduce(lambda *_: found.update(reduce=depth()), [1, 2])
        re.sub("a", lambda _: found.update(sub=depth()) or "", "a")
        print(json.dumps(found))
"""


def test_coverage_of_a_users_file_is_that_of_plain_python(tmp_path: Path) -> None:
    code = Code(tmp_path, {"main.py": COVERED, "plain.py": "import main\nmain.main(None)\n"})
    plain = _covered(code, "plain.py")
    assert plain["executed_lines"]
    assert plain["missing_branches"]
    assert _covered(code, "-m", "ninelives", "run", "main.py:main") == plain


def _covered(code: Code, *program: str) -> dict[str, Any]:
    """Return what coverage reports of the user's file."""
    data = str(code.folder / "data")
    command = [sys.executable, "-m", "coverage", "run", "--branch", f"--data-file={data}", "--include=main.py"]
    done = code.run([*command, *program])
    assert done.returncode == 0, done.stderr
    report = code.folder / "report.json"
    coverage = Coverage(data, branch=True, config_file=False)
    coverage.load()
    coverage.json_report([code.file], outfile=str(report))
    files: dict[str, dict[str, Any]] = json.loads(report.read_text())["files"]
    return next(iter(files.values()))


COVERED = """
    import json


    def branch(x):
        if x:
            return "yes"
        return "no"


    def never():
        return branch(1)


    class Thing:
        size = len("ab")

        def items(self):
            for item in (1, 2):
                yield item


    def main(event):
        found = [
            branch(item)
            for item in Thing().items()
            if item
        ]
        text = (
            json.dumps(found)
            .upper()
            .strip()
        )
        try:
            int(
                "x",
            )
        except ValueError:
            text += "!"
        with open(__file__) as file:
            while file.readline() and len(text) < 0:
                never()
        print(
            text,
            branch(0) if text else never(),
        )
"""


@pytest.mark.parametrize(
    "commands",
    ["where next where next next return continue", "step step args where up list down next p(total) return continue"],
)
def test_the_debugger_shows_the_users_lines(tmp_path: Path, commands: str) -> None:
    code = Code(tmp_path, {"main.py": DEBUGGED})
    plain, session = (code.run(command, commands.replace(" ", "\n") + "\n") for command in (PLAIN, SESSION))
    assert plain.returncode == session.returncode == 0, session.stderr
    assert f"> {code.file}" in plain.stdout
    assert _from_the_handler_on(session.stdout, code.file) == _from_the_handler_on(plain.stdout, code.file)


DEBUGGED = """
    def add(a, b):
        total = a + b
        return total


    def main(event):
        x = 1
        breakpoint()
        y = add(x, 2)
        z = add(
            y, len("ab")
        )
        print("done", y, z)
"""


def _from_the_handler_on(shown: str, file: str) -> list[str]:
    """Return what a debugger showed, without the frames below the handler and their lines."""
    kept = []
    below = False
    for line in shown.removesuffix("(Pdb) ").splitlines():
        frame = re.match(r"(?:\(Pdb\) )?(?:> |  )(\S.*)\(\d+\)\S+\(\)", line)
        below = frame[1] != file if frame else below and line.startswith("-> ")
        if not below:
            kept.append(line.removeprefix("(Pdb) "))
    return kept


@pytest.mark.parametrize("handler", ["in_a_module", "in_the_standard_library", "in_an_activity", "in_a_callback"])
def test_run_shows_the_traceback_that_plain_python_shows(tmp_path: Path, handler: str) -> None:
    code = Code(tmp_path, {"main.py": RAISING, "helper.py": HELPER})
    plain = code.run([sys.executable, "-c", f"import main; main.{handler}(None)"])
    session = code.run([*SESSION[:-1], f"main.py:{handler}"])
    assert plain.returncode == session.returncode == 1
    head = "Traceback (most recent call last):\n"
    shown = session.stderr[session.stderr.index(head) :]
    assert code.file in shown
    assert SOURCES not in shown
    assert shown == re.sub(r'  File "<string>", line 1, in <module>\n(?:    .*\n)*', "", plain.stderr)


RAISING = """
    import json
    import urllib.request

    import helper


    def in_a_module(event):
        helper.fail(
            "in another module",
        )


    def in_the_standard_library(event):
        json.loads(
            "{"
        )


    def in_an_activity(event):
        urllib.request.urlopen("no url")


    def in_a_callback(event):
        try:
            helper.fail("first")
        except ValueError:
            sorted([0], key=lambda x: 1 / x)
"""

HELPER = """
    def fail(text):
        raise ValueError(text)
"""
