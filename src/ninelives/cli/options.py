"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ninelives.storage import Store

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Give a command ``--json``; errors become documents in `main`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document, also for errors.")(command)


def session_argument(command: Command) -> Command:
    """Give a command the session that it is about."""
    return click.argument("session", metavar="SESSION")(command)


@contextmanager
def opened_store(*, read_only: bool = False, in_memory: bool = False) -> Iterator[Store]:
    """Open the user's store for one command.

    Args:
        read_only: nothing is written, so a store that can't be written is good enough.
        in_memory: a store of this process alone, which keeps nothing.

    Raises:
        StoreError: it can't be opened.
        UsageError: the settings say where it is, and are wrong.
    """
    from ninelives.cli.settings import store_place
    from ninelives.storage import Store

    home, database = (None, None) if in_memory else store_place()
    store = Store.open(home, read_only=read_only, database=database)
    try:
        yield store
    finally:
        store.close()
