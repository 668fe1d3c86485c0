"""The tree of commands.

Built with Click, not Typer: Typer needs pydantic, which doubles the time to start (180 ms against 50 ms), and `run`
would put that pydantic into the user's own process.
"""

from __future__ import annotations

import click

from ninelives.cli.about import config, version
from ninelives.cli.build import build
from ninelives.cli.certs import certs
from ninelives.cli.check import check
from ninelives.cli.code import exports, rewrite
from ninelives.cli.run import resume, run
from ninelives.cli.sessions import sessions


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def app() -> None:
    """Plain Python that survives crashes.

    \b
    Example:
      ninelives run review.py:on_github_pull_request --data @event.json
      ninelives resume a77c846e
    """


for _command in (run, resume, sessions, check, build, exports, rewrite, version, config, certs):
    app.add_command(_command)
