"""A limit on how long an attempt may take."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def time_limit(seconds: float, name: str) -> Iterator[None]:
    """Raise ``TimeoutError`` in the calling thread after ``seconds``.

    On the main thread a timer signal ends system calls that block; on other threads the error comes between two
    bytecodes, so a call that blocks inside C code ends first.
    """
    message = f"{name} took longer than {seconds:g} s"
    if threading.current_thread() is threading.main_thread():
        yield from _by_signal(seconds, message)
    else:
        yield from _by_thread(seconds)


def _by_signal(seconds: float, message: str) -> Iterator[None]:
    def expire(_: int, __: FrameType | None) -> None:
        raise TimeoutError(message)

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _by_thread(seconds: float) -> Iterator[None]:
    ident = ctypes.c_ulong(threading.get_ident())
    timer = threading.Timer(
        seconds, lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(TimeoutError))
    )
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
