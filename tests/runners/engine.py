"""The Docker engine that tests use, and the image that their containers are based on; `.ci/docker` provides both."""

from __future__ import annotations

import os

import pytest

from ninelives.errors import EngineError
from ninelives.runners.docker.engine import Engine

#: Made by `.ci/docker`.
IMAGE = "ninelives-test-base"


def _why_not() -> str:
    """Return why docker runners can't be tested here; "": they can, or have to."""
    if os.environ.get("TESTED_DOCKER"):
        return ""
    if why := os.environ.get("TESTED_DOCKER_WHY"):
        return why
    try:
        there = Engine().image(IMAGE) is not None
    except EngineError as error:
        return f"{error}; or run the tests with .ci/docker"
    return "" if there else f"the engine has no image {IMAGE}: run the tests with .ci/docker"


_WHY_NOT = _why_not()

#: Marks tests that need the engine.
needs_engine = pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "-")
