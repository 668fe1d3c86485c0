"""The docker runner manager: each runner is in a container of its own, on an engine of this machine."""
