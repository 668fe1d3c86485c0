"""`ninelives check`: each rule of docs/check.md finds its bad example and is silent about its good one."""

from __future__ import annotations

import re
import sysconfig
import textwrap
from pathlib import Path

import pytest
from crash import programs

from ninelives.code.check import CODES, check
from ninelives.code.check.run import check_source
from ninelives.code.rules import Rules
from ninelives.errors import ProgramError

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "check.md").read_text()
SECTIONS = dict(re.findall(r"^## ([a-z-]+)\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL))

#: Programs that do on purpose what a rule warns about, with what is found.
ON_PURPOSE: dict[str, set[str]] = {
    # What is cut off in it is its subject.
    "database_transactions": {"open-transaction"},
    # Threads that spin are.
    "threads_busy": {"busy-loop"},
    # It waits for something when it loads.
    "module_level_waits": {"module-effect"},
    # Its processes are done with when they are read of.
    "live_read_after_use": {"held-process"},
}

#: Modules that only work on text.
TEXT_MODULES = [
    "string",
    "textwrap",
    "difflib",
    "shlex",
    "csv",
    "json",
    "html",
    "configparser",
    "tokenize",
    "pprint",
    "fnmatch",
    "gettext",
    "urllib/parse",
    "email",
    "re",
    "argparse",
    "ast",
    "base64",
    "quopri",
    "xml/etree",
    "xml/dom",
    "statistics",
    "fractions",
    "tomllib",
    "heapq",
    "graphlib",
    "dataclasses",
]


def found(text: str, rules: Rules | None = None, users: tuple[str, ...] = ()) -> list[tuple[int, str]]:
    """Return the lines and codes of what is found in a program."""
    return [(f.line, f.code) for f in check_source(textwrap.dedent(text).encode(), "app.py", rules, users)]


def test_each_rule_has_a_section() -> None:
    assert list(SECTIONS) == list(CODES)


@pytest.mark.parametrize("code", CODES)
def test_the_bad_example_is_found_and_the_good_one_is_not(code) -> None:
    bad, good = re.findall(r"```python\n(.*?)```", SECTIONS[code], re.DOTALL)
    here = [(number, code) for number, line in enumerate(bad.splitlines(), start=1) if line.endswith("# here")]
    assert here
    assert found(bad) == here
    assert found(good) == []
    assert found(bad.replace("# here", f"# ninelives: ignore[other, {code}]")) == []
    assert found(bad.replace("# here", "# ninelives: ignore[other]")) == here


@pytest.mark.parametrize("name", programs.names())
def test_it_is_silent_about_the_test_programs(name, tmp_path) -> None:
    programs.read(name).write(tmp_path)
    assert {finding.code for finding in check(tmp_path)} == ON_PURPOSE.get(name, set())


def test_it_is_silent_about_the_demo() -> None:
    assert check(ROOT / "demo") == []


@pytest.mark.parametrize("name", TEXT_MODULES)
def test_it_is_silent_about_modules_that_work_on_text(name) -> None:
    path = Path(sysconfig.get_path("stdlib"), name)
    assert check(path if path.is_dir() else path.with_suffix(".py")) == []


OPEN = {
    "a cursor, and a commit of what is only known by its use": """\
        def main(event, db):
            cursor = db.cursor()
            cursor.execute("update t set n = 1")  # here
            db.commit()
        """,
    "a block that commits": """\
        import sqlite3
        db = sqlite3.connect("a.db")
        def main(event):
            with db:  # here
                db.execute("DELETE FROM t")
        """,
    "a connection of an object": """\
        import psycopg
        class Shop:
            def __init__(self):
                self.db = psycopg.connect("")
            def sell(self):
                self.db.execute(f"INSERT INTO sales VALUES ({self})")  # here
                self.db.commit()
        """,
    "another variable of the same name commits by itself": """\
        import sqlite3
        def first(event):
            db = sqlite3.connect("a.db", isolation_level=None)
            db.execute("INSERT INTO t VALUES (1)")
        def second(event):
            db = sqlite3.connect("a.db")
            with db:  # here
                db.execute("INSERT INTO t VALUES (1)")
        """,
    "a function that connects, and an annotation": """\
        import sqlite3
        from contextlib import closing
        def connect():
            return sqlite3.connect("a.db")
        def main(event):
            with closing(connect()) as db:
                db.execute("INSERT INTO t VALUES (1)")  # here
        def other(db: sqlite3.Connection):
            db.execute("INSERT INTO t VALUES (1)")  # here
        """,
}

FINE = {
    "each statement commits": """\
        import sqlite3
        def main(event):
            db = sqlite3.connect("a.db", isolation_level=None)
            db.execute("INSERT INTO t VALUES (1)")
            other = sqlite3.connect("a.db")
            other.isolation_level = None
            other.execute("INSERT INTO t VALUES (1)")
        """,
    "reading is no transaction to lose": """\
        import sqlite3
        def main(event):
            db = sqlite3.connect("a.db")
            db.execute("SELECT 1")
            db.commit()
        """,
    "an executor is no connection": """\
        def main(event, robot):
            robot.execute("insert coin")
        """,
    "a function that only an activity calls": """\
        import ninelives, subprocess
        def start():
            return subprocess.Popen(["server"])
        @ninelives.activity(retries=3)
        def whole():
            return start().wait()
        """,
    "what runs for the command line only": """\
        import os, subprocess
        def serve():
            process = subprocess.Popen(["server"])
            process.wait()
            leave(3)
        def leave(code):
            os._exit(code)
        if __name__ == "__main__":
            subprocess.run(["true"])
            serve()
        """,
    "names that are the user's own": """\
        def open(path, mode): ...
        open("x", "w")
        class requests:
            get = print
        requests.get("x")
        """,
    "reading a file at module level, and writing what is not there yet": """\
        import os
        TEXT = open(__file__).read()
        if not os.path.exists("a"):
            open("a", "w").close()
        """,
    "locals of an activity": """\
        import ninelives
        SEEN = []
        @ninelives.activity
        def work(RATES=None):
            SEEN = []
            SEEN.append(1)
            return SEEN
        """,
    "a handler that is put back": """\
        import signal
        def main(event):
            before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, before)
        """,
    "sets that have an order, or need none": """\
        from dataclasses import dataclass
        import enum
        class Job: ...
        class Colour(enum.Enum):
            RED = 1
        @dataclass(frozen=True)
        class Point:
            x: int
        def main(event):
            jobs = {Job(), Job()}
            for job in sorted(jobs, key=str): ...
            total = sum(1 for job in jobs)
            for point in {Point(1), Point(2)}: ...
            for word in {"a", "b"}: ...
            return len(jobs), Job() in jobs
        """,
    "ids for people, and as keys": """\
        def main(event, job):
            seen = {id(job): job}
            print(f"job {id(job)}")
            raise ValueError(f"job {id(job)} is late")
        """,
    "loops that wait": """\
        import time
        def main(event, queue, flag):
            while not flag.is_set():
                time.sleep(1)
            while queue.get():
                pass
            while False:
                pass
        """,
    "a payment with a key, and one that stops": """\
        import ninelives, stripe
        @ninelives.activity(if_interrupted="stop")
        def pay():
            return stripe.Charge.create(amount=1)
        def keyed(options):
            return stripe.Charge.create(**options)
        """,
    "a nested function of a module with the same variable": """\
        class Job: ...
        def first():
            jobs = {Job(), Job()}
            return len(jobs)
        def second(jobs):
            for job in jobs: ...
        """,
}

MORE = {
    "a handler that the command line tries out": """\
        import os
        def main(e):
            os._exit(1)  # here
        if __name__ == "__main__":
            main({})
        """,
    "sets of an object, and of functions": """\
        class Node:
            children = None
            def __init__(self):
                self.parts = set()
            def add(self):
                part = Node()
                self.parts.add(part)
            def walk(self):
                return [part for part in self.parts]  # here
        def main(event):
            return list({lambda: 1, lambda: 2})  # here
        """,
    "clocks are no wait": """\
        import time
        def main(event):
            end = time.time() + 5
            while time.time() < end:  # here
                pass
        """,
    "an order by address": """\
        def main(event, jobs):
            return sorted(jobs, key=id)  # here
        """,
    "effects in what looks": """\
        from pathlib import Path
        class Report:
            def __repr__(self):
                Path("seen").write_text("x")  # here
                return "Report()"
        """,
    "a global that is set": """\
        from ninelives import activity as once
        N = 0
        SEEN = set()
        @once
        def count():
            global N
            N += 1  # here
            SEEN.add(N)  # here
        """,
    "a comment elsewhere says nothing": """\
        import os
        # ninelives: ignore[ends-process]
        TEXT = "# ninelives: ignore[ends-process]"
        def main(event):
            os.abort()  # here
        """,
}


@pytest.mark.parametrize("text", [*OPEN.values(), *MORE.values()], ids=[*OPEN, *MORE])
def test_it_is_found(text) -> None:
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if line.endswith("# here")]
    assert [line for line, _ in found(text)] == lines


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_it_is_fine(text) -> None:
    assert found(text) == []


def test_a_comment_is_about_the_whole_expression() -> None:
    text = """\
        import os
        def main(event):
            os.execv(
                "/bin/true",
                ["true"],  # ninelives: ignore[ends-process]
            )
        """
    assert found(text) == []


def test_the_rules_of_a_project_count() -> None:
    text = """\
        import shop, subprocess
        shop.orders.send(1)
        subprocess.run(["true"])
        """
    assert found(text) == [(3, "module-effect")]
    rules = Rules({"shop.orders": "activity", "subprocess.run": "configures"})
    assert found(text, rules) == [(2, "module-effect")]
    assert found(text, rules, users=("shop",)) == []


def test_the_projects_own_modules_and_what_is_left_out(tmp_path) -> None:
    (tmp_path / "requests.py").write_text("def get(url): ...\n")
    (tmp_path / "app.py").write_text("import requests\nrequests.get('x')\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_app.py").write_text("import os\nos.system('true')\n")
    assert check(tmp_path) == []
    assert check(tmp_path / "app.py") == []
    assert [finding.code for finding in check(tmp_path / "tests" / "test_app.py")] == ["module-effect"]


def test_a_folder_without_programs(tmp_path) -> None:
    with pytest.raises(ProgramError, match="no Python file is in it"):
        check(tmp_path)
