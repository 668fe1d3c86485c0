"""What a project asks of the container that it runs in. Apart, since every command that reads a manifest needs it."""

from __future__ import annotations

from typing import NamedTuple


class Container(NamedTuple):
    """What a project asks of the container that it runs in, where it runs in one."""

    #: name of the image that it is based on; "": Docker's own of Python
    image: str = ""
    #: it has a network
    network: bool = False
