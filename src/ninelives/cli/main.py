"""Entry of the command line: from arguments to exit code. Every error ends here as one line."""

from __future__ import annotations

import atexit
import os
import signal
import sys

from ninelives.cli import folders, hashseed

#: Commands that run user code in this process, and so need the fixed hash seed; and options with which they do not.
_RUNNING = ("run", "resume")
_ELSEWHERE = frozenset({"--in-memory", "--runner"})

#: Set to anything, the traceback of an error of our own is shown.
_DEBUG = "NINELIVES_DEBUG"


def main() -> None:
    """Run the command line with this process's arguments, and exit with the code that the command came to."""
    # Until a session handles it: an import that is interrupted would end in a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by who started us (`>&-`).
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process lives
    arguments = sys.argv[1:]
    as_json = "--json" in arguments
    try:
        if arguments and arguments[0] in _RUNNING and not _ELSEWHERE.intersection(arguments):
            hashseed.settle_early(folders.data_folder())
        code = _invoke(arguments)
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # noqa: BLE001 - the boundary where errors become lines
        code = _complain(error, as_json=as_json)
    _leave(code)


def _invoke(arguments: list[str]) -> int:
    import click

    from ninelives.cli.app import app

    try:
        code = app.main(arguments or ["--help"], prog_name="ninelives", standalone_mode=False)
    except click.Abort:
        return 130
    return code if isinstance(code, int) else 0


def _complain(error: Exception, *, as_json: bool) -> int:
    """Say in one line what went wrong, and return the exit code."""
    import click

    from ninelives.cli.output import complain
    from ninelives.errors import ExitCode, NinelivesError

    if isinstance(error, NinelivesError):
        session_id = getattr(error, "session_id", None)
        complain(type(error).__name__, str(error), as_json=as_json, session_id=session_id)
        return int(error.exit_code)
    if isinstance(error, click.ClickException):
        complain("UsageError", _usage(error), as_json=as_json)
        return int(ExitCode.USAGE)
    if os.environ.get(_DEBUG):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        complain("StoreError", f"{error.strerror}{where}: free or repair it, then try again", as_json=as_json)
    else:
        what = f"{type(error).__name__}: {error}"
        hint = f"set {_DEBUG}=1 to see where, and report it please"
        complain("InternalError", f"an error of ninelives itself: {what} ({hint})", as_json=as_json)
    return int(ExitCode.UNAVAILABLE)


def _usage(error: Exception) -> str:
    """Return an error of the arguments, with the command whose help says more."""
    message = error.format_message().rstrip(".") if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    return f"{message} (see: {context.command_path} --help)" if context else message


def _leave(code: int) -> None:
    """End the process; after an interrupt, and if its session stopped, also when threads of the program run."""
    if code == 4:
        # What would have ended them is muted: closing a connection that has a thread, say.
        atexit._run_exitfuncs()
    if code in (4, 130, 143):
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                continue  # the reader has gone away: what is left can't be said
        os._exit(code)
    sys.exit(code)
