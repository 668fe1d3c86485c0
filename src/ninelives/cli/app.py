"""The tree of commands.

Built with Click, not Typer: Typer needs pydantic, which doubles the time to start (180 ms against 50 ms), and `run`
would put that pydantic into the user's own process.
"""

from __future__ import annotations

import importlib

import click

#: Where each command is: a module of this package, loaded when the command is asked for. `run` loads no other.
_COMMANDS = {
    "run": "run",
    "resume": "run",
    "sessions": "sessions",
    "check": "check",
    "build": "build",
    "exports": "code",
    "rewrite": "code",
    "runner-manager": "remote",
    "certs": "certs",
    "config": "about",
    "version": "about",
}


class _Commands(click.Group):
    """Commands that are loaded one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, as the help lists them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None if there is none of this name."""
        if cmd_name not in _COMMANDS:
            # Click looks here for one that the user may have meant.
            self.commands = {name: _load(name) for name in _COMMANDS}
            return None
        return _load(cmd_name)


def _load(name: str) -> click.Command:
    found: click.Command = getattr(importlib.import_module(f"ninelives.cli.{_COMMANDS[name]}"), name.replace("-", "_"))
    return found


def _version(context: click.Context) -> None:
    from ninelives.cli.about import emit_version

    emit_version(as_json=False)
    context.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
