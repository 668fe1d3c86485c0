"""Programs that use real libraries against real servers: killed and resumed, they do what they do undisturbed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from crash import programs
from crash.test_equivalence import PARTS, check

from libraries.served import Served

FOLDER = Path(__file__).parent / "programs"

#: Imported here once, so that not every process has to.
WARM = {
    "anthropic": ["anthropic"],
    "boto3": ["boto3", "moto.server", "moto.s3.responses", "moto.sqs.responses", "moto.dynamodb.responses"],
    "github": ["github"],
    "httpx": ["httpx"],
    "langgraph": ["langgraph.graph", "langgraph.checkpoint.memory", "openai"],
    "numpy": ["numpy"],
    "openai": ["openai"],
    "pandas": ["pandas"],
    "requests": ["requests"],
    "slack": ["slack_sdk"],
    "smtplib": ["smtplib", "aiosmtpd.smtp"],
    "tenacity": ["tenacity"],
}


#: How many kills of one program are tried at most: each process connects anew, and where it dies is the client's business.
MOST = 36


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", programs.names(FOLDER))
def test_program(name: str, part: int) -> None:
    for module in WARM.get(name.partition("_")[0], ()):
        importlib.import_module(module)
    check(programs.read(name, FOLDER), Served, part, most=MOST)
