"""The tree of commands.

Built with Click, not Typer: Typer needs pydantic, which doubles the time to start (180 ms against 50 ms), and `run`
would put that pydantic into the user's own process.
"""

from __future__ import annotations

import click

from ninelives.cli.about import config, emit_version, version
from ninelives.cli.check import check
from ninelives.cli.code import exports, rewrite
from ninelives.cli.run import resume, run
from ninelives.cli.sessions import sessions


def _version(context: click.Context) -> None:
    emit_version(as_json=False)
    context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=lambda context, _, asked: _version(context) if asked else None,
    help="Print the versions of ninelives and of Python.",
)
def app() -> None:
    """Plain Python that survives crashes.

    \b
    Example:
      ninelives run review.py:on_github_pull_request --data @event.json
      ninelives resume a77c846e
    """


for _command in (run, resume, sessions, check, exports, rewrite, version, config):
    app.add_command(_command)
