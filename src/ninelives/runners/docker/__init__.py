"""The docker runner manager: each runner is in a container of its own, on an engine of this machine."""

from ninelives.runners.docker.manager import DockerManager

__all__ = ["DockerManager"]
