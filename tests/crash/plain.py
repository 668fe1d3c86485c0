"""Runs a test program in plain Python, with no session, and says what it prints and how it ends."""

from __future__ import annotations

import asyncio
import gc
import inspect
import io
import itertools
import json
import logging
import os
import re
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import ninelives
from ninelives.session import render

OUTSIDE = Path(__file__).parent.parent / "outside"
OURS = (str(Path(ninelives.__file__).parent), str(Path(__file__).parent))


class Ran(NamedTuple):
    """What the program printed, did and came to, as `harness.Result` has it."""

    prints: list[str]
    effects: list[str]
    ends: list[str]
    terminal: dict[str, str]


class Recorder(io.TextIOBase):
    """Takes what is printed: by line, in one list for all streams, and as it is."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name = name
        self.lines = lines
        self.all = ""
        self.begun = ""
        self.logging = False

    def write(self, text: str, /) -> int:
        self.all += text
        if not self.logging:
            *lines, self.begun = (self.begun + text).split("\n")
            self.lines.extend(f"{self.name}: {line}" for line in lines)
        return len(text)

    def end(self) -> None:
        """Take a line that was begun and not ended."""
        if self.begun:
            self.lines.append(f"{self.name}: {self.begun}")


def run(code: Path, event: dict[str, Any], to: Path, session_id: str) -> int:
    """Run the program in this process, and write what became of it to a file."""
    os.chdir(code.parent / "work")
    sys.path[:0] = [str(code), str(OUTSIDE)]
    sys.argv = [str(code / "main.py")]
    lines: list[str] = []
    out, err = Recorder("stdout", lines), Recorder("stderr", lines)
    # The one of pytest says nothing.
    threading.excepthook = threading.__excepthook__
    # Threads are numbered from 1, whatever other tests have started in the process that this one was forked from.
    threading._counter = itertools.count(1).__next__  # type: ignore[attr-defined]
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    _record_logs(lines, err)
    try:
        ends = [f"completed: {render.text(_call(event, session_id))}"]
    except BaseException as error:
        ends = _ends(error, code)
    # As Python does at its end.
    gc.collect()
    out.end()
    err.end()
    sys.stdout, sys.stderr = streams
    terminal = {"stdout": portable(out.all, code), "stderr": portable(err.all, code)}
    to.write_text(json.dumps([[portable(line, code) for line in without_marks(lines)], ends, terminal]))
    return 0


def _call(event: dict[str, Any], session_id: str) -> Any:
    from main import main  # type: ignore[import-not-found, unused-ignore]

    made = ninelives.Event(event, None, "test", None)
    takes_both = inspect.isfunction(main) and len(inspect.signature(main).parameters) == 2
    result = main(made, session_id) if takes_both else main(made)
    return asyncio.run(_wait(result)) if inspect.isawaitable(result) else result


async def _wait(awaitable: Any) -> Any:
    return await awaitable


def _ends(error: BaseException, code: Path) -> list[str]:
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return ["completed: None"]
    if isinstance(error, SystemExit):
        return ["error", *([] if isinstance(error.code, int) else [str(error.code)])]
    shown = traceback.TracebackException.from_exception(error)
    _leave_out_ours(shown)
    return ["error", *portable("".join(shown.format()), code).splitlines()]


def _leave_out_ours(shown: traceback.TracebackException) -> None:
    shown.stack[:] = [frame for frame in shown.stack if not frame.filename.startswith(OURS)]
    for linked in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if linked is not None:
            _leave_out_ours(linked)


def without_marks(lines: list[str]) -> list[str]:
    """Return printed lines without the marks in tracebacks."""
    return [line for line in lines if not re.fullmatch(r"stderr: [ |]+[~^]+", line)]


def portable(text: str, code: Path) -> str:
    """Return a text without places of this machine, and without the marks in tracebacks, which Python versions set differently."""
    text = text.replace(str(code), ".").replace(str(OUTSIDE), "outside")
    text = re.sub(r'"[^"\n]*/(threading\.py)", line \d+', r'"\1", line …', text)
    text = re.sub(r'("outside/\w+\.py", line) \d+', r"\1 …", text)
    return re.sub(r"^[ |]+[~^]+\n", "", text, flags=re.MULTILINE)


def _record_logs(lines: list[str], err: Recorder) -> None:
    """Let a log record be one line; what handlers make of it is seen on the terminal only."""
    call_handlers = logging.Logger.callHandlers
    formatter = logging.Formatter("%(message)s")

    def record(logger: logging.Logger, entry: logging.LogRecord) -> None:
        lines.append(f"log {entry.levelname}: {formatter.format(entry)}")
        err.logging = True
        call_handlers(logger, entry)
        err.logging = False

    logging.Logger.callHandlers = record  # type: ignore[method-assign, assignment]
