"""`run` and `resume`: a session in this process, or in a runner of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ninelives.cli import folders, hashseed, inputs
from ninelives.cli.options import opened_store, session_argument
from ninelives.cli.output import divert_prints, emit_json, one_line
from ninelives.errors import ExitCode, SessionNotFoundError

if TYPE_CHECKING:
    from ninelives.cli.progress import Progress
    from ninelives.storage import Store
    from ninelives.worker.direct import Finished
    from ninelives.worker.isolated import Isolated

_JSON_HELP = (
    "Print one JSON document to stdout when the session ends (session_id, state, exit_code, result, error, already); "
    "the program's prints go to stderr."
)
_VAR_HELP = (
    "Set an environment variable of the program: K=V; K takes the value from the environment; K=@FILE from a file. "
    "The last two are secret: they are shown nowhere. Repeatable."
)

_RUNNER_HELP = (
    "Where the program runs: in this process (the default); `local`: in a process of its own, with the packages that "
    "the project asks for; `docker`: the same in a container, without a network unless the project asks for it; "
    "`remote`: the same on another host (see runner-manager)."
)

_json_option = click.option("--json", "as_json", is_flag=True, help=_JSON_HELP)
_var_option = click.option("--var", "var", metavar="K=V|K|K=@FILE", multiple=True, help=_VAR_HELP)
_runner_option = click.option("--runner", type=click.Choice(["local", "docker", "remote"]), help=_RUNNER_HELP)


@click.command()
@click.argument("handler", metavar="FILE.py:HANDLER")
@click.option("--data", metavar="JSON|@FILE|@-", help="The event's data (@-: stdin); an empty object if not given.")
@click.option("--event-type", metavar="T", help="The event's type.")
@click.option("--event-id", metavar="I", help="The event's id: seen before with this handler, nothing is started.")
@click.option("--integration-id", metavar="I", help="Where the event came from.")
@_var_option
@click.option("--session", metavar="ID", help="For scripts: create the session with this id, or go on with it.")
@click.option("--in-memory", is_flag=True, help="Keep nothing: the session ends with this process.")
@_runner_option
@_json_option
def run(
    handler: str,
    *,
    data: str | None,
    event_type: str | None,
    event_id: str | None,
    integration_id: str | None,
    var: tuple[str, ...],
    session: str | None,
    in_memory: bool,
    runner: str | None,
    as_json: bool,
) -> int:
    """Run a handler as a session, in this process or in a runner.

    The program's prints, and nothing else, go to stdout. The session's id (the first line) and a line of progress go
    to stderr.

    \b
    Exit codes:
      0    completed; or the event was seen before, and nothing was started
      1    the program raised
      2    wrong use, or a program that can't be loaded
      3    the store, a lock or the disk can't be used, or stdout can't be written
      4    stopped by a rule, like a program that no longer does what its journal says; or cancelled
      130  interrupted by Ctrl-C, 143 by SIGTERM: go on with `ninelives resume`
      n    the program called SystemExit(n)

    \b
    Example:
      ninelives run review.py:on_github_pull_request --data @event.json --var GITHUB_TOKEN
    """
    from ninelives.worker.creating import RunRequest
    from ninelives.worker.direct import run as start

    file, name = inputs.target(handler)
    values, secret = inputs.variables(var)
    request = RunRequest(
        file=file,
        handler=name,
        event={} if data == inputs.STDIN else inputs.event(data, event_type, event_id, integration_id),
        vars=values,
        secret_vars=secret,
        secret_files=inputs.secret_files(var),
        session_id=None if session is None else inputs.session_id(session),
    )

    with opened_store(in_memory=in_memory) as store:
        if not in_memory and not runner:
            _settle_hash_seed(store, _known(store, session))
        if data == inputs.STDIN:
            # Not before this process was started again, with a stdin that is read already.
            request = request._replace(event=inputs.event(data, event_type, event_id, integration_id))
        return _observe(
            lambda progress: _placed(runner, store, progress, lambda place: start(store, request, progress, place)),
            as_json=as_json,
        )


@click.command(short_help="Go on with a session.")
@session_argument
@click.option(
    "--with-code",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Go on with repaired code; else with the code that the session started on.",
)
@click.option("--retry-failed", is_flag=True, help="Forget the outcome of the last failed activity, and try it again.")
@_var_option
@_runner_option
@_json_option
def resume(
    session: str,
    *,
    with_code: Path | None,
    retry_failed: bool,
    var: tuple[str, ...],
    runner: str | None,
    as_json: bool,
) -> int:
    """Go on with a session that was interrupted, stopped or has failed. Prints and exits as `run` does.

    SESSION is an id, or the beginning of one.

    \b
    Example:
      ninelives resume a77c846e
      ninelives resume a77c846e --with-code ./repaired --retry-failed
    """
    from ninelives.worker.direct import resume as go_on

    values, secret = inputs.variables(var)

    with opened_store() as store:
        session_id = store.session(session).session_id
        if not runner:
            _settle_hash_seed(store, session_id)
        return _observe(
            lambda progress: _placed(
                runner,
                store,
                progress,
                lambda place: go_on(
                    store,
                    session_id,
                    code_dir=with_code,
                    retry_failed=retry_failed,
                    vars=values,
                    secret_vars=secret,
                    secret_files=inputs.secret_files(var),
                    observer=progress,
                    isolated=place,
                ),
            ),
            as_json=as_json,
        )


def _placed(
    runner: str | None, store: Store, progress: Progress, go: Callable[[Isolated | None], Finished]
) -> Finished:
    """Run a session in this process, or in a runner; the manager of runners ends with it."""
    if runner is None:
        return go(None)
    from ninelives.cli.managers import isolated

    with isolated(runner, store, progress.say) as place:
        return go(place)


def _known(store: Store, session: str | None) -> str | None:
    """Return the id if there is a session that has exactly it."""
    try:
        return session if session and store.session(session).session_id == session else None
    except SessionNotFoundError:
        return None


def _settle_hash_seed(store: Store, session: str | None) -> None:
    """Make sure that this process runs under the seed of the session, a new one's is the installation's."""
    hashseed.remember(folders.data_folder(), store.hash_seed)
    seed = store.hash_seed
    if session:
        from ninelives.session.entries import Start, decode

        first = decode(store.rows(session)[0].data)
        seed = first.hash_seed if isinstance(first, Start) else seed
    if hashseed.current() != seed:
        store.close()
        hashseed.settle(seed)


def _observe(go: Callable[[Progress], Finished], *, as_json: bool) -> int:
    """Run a session with its progress on stderr, say what it came to, and return the exit code."""
    from ninelives.cli.progress import Progress, last_line

    if as_json:
        divert_prints()
    with Progress(on_exit=_exit_document if as_json else None) as progress:
        finished = go(progress)
    progress.session_started(finished.session_id)  # one that was over has not said it
    if finished.already:
        progress.say(f"the session is over already: {finished.state}")
    elif finished.state == "stopped" and finished.error:
        progress.say(f"ninelives: {one_line(finished.error['message'])}")
    else:
        how = finished.state
        if finished.error and finished.error["type"] == "SystemExit" and not finished.error["traceback"]:
            how += f": the program ended itself with SystemExit({finished.exit_code})"
        progress.say(last_line(finished.session_id, how, progress.done))
    if finished.error and finished.error["traceback"]:
        progress.say(finished.error["traceback"].rstrip("\n"))
    if as_json:
        emit_json(
            {name: value for name, value in finished._asdict().items() if name != "until"}
            | {"result": finished.result or None}
        )
    if progress.has_lost_output and finished.exit_code == 0:
        # Whoever reads the output must not take it for the whole.
        return int(ExitCode.UNAVAILABLE)
    return finished.exit_code


def _exit_document(session_id: str, state: str, exit_code: int) -> None:
    """Print the document of a session that a signal ends; the exit code says which."""
    nothing = {"exit_code": exit_code, "result": None, "error": None, "already": False}
    emit_json({"session_id": session_id, "state": state} | nothing)
