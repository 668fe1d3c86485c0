"""Every command has a help with an example, and starts without what it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMANDS = [
    "",
    "run",
    "resume",
    "sessions",
    "sessions list",
    "sessions show",
    "sessions logs",
    "sessions journal",
    "sessions cancel",
    "sessions delete",
    "check",
    "exports",
    "rewrite",
    "version",
    "build",
    "config",
    "config where",
    "config show",
    "certs",
    "certs init",
]
GROUPS = {"", "sessions", "config", "certs"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_has_an_example_and_says_what_json_is(cli, command) -> None:
    answer = cli(*command.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    assert "Example:\n" in answer.out
    assert f"ninelives {command}".strip() in answer.out.partition("Example:")[2]
    assert ("--json" in answer.out) or command in GROUPS


def test_without_arguments_it_is_the_help(cli) -> None:
    assert cli().out == cli("--help").out


def test_to_start_run_loads_neither_rich_nor_pydantic_nor_asyncio(cli) -> None:
    script = "import sys, ninelives.cli.app; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    unwanted = {"rich", "pydantic", "asyncio", "sqlite3", "msgspec", "json", "typer", "platformdirs"}
    assert unwanted.isdisjoint(modules)


def test_a_command_loads_no_other(cli) -> None:
    script = """if True:
        import sys
        from ninelives.cli.app import app
        app.main(["run", "--help"], standalone_mode=False)
        print(*(name for name in sys.modules if name.startswith("ninelives.cli.")), file=sys.stderr)
    """
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr.split()
    others = {f"ninelives.cli.{name}" for name in ("about", "build", "certs", "check", "code", "sessions")}
    assert others.isdisjoint(loaded)


def test_a_command_that_is_none_is_one_line_with_what_may_be_meant(cli) -> None:
    answer = cli("biuld")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "ninelives: No such command 'biuld'. Did you mean 'build'? (see: ninelives --help)\n"


def test_version(cli) -> None:
    answer = cli("version", "--json")
    assert answer.code == 0
    assert set(answer.document) == {"ninelives", "python"}
    assert cli("version").out == f"ninelives {answer.document['ninelives']}, Python {answer.document['python']}\n"


def test_config_where(cli, home, tmp_path) -> None:
    assert cli("config", "where", "--json").document == {"config": str(home), "data": str(home)}
    elsewhere = cli(
        "config", "where", NINELIVES_HOME="", XDG_DATA_HOME=str(tmp_path / "d"), XDG_CONFIG_HOME="relative", HOME="/h"
    )
    if sys.platform == "linux":
        assert elsewhere.out == f"config: /h/.config/ninelives\ndata:   {tmp_path}/d/ninelives\n"
