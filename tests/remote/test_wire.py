"""The protos, what is made of them, and who does without."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WIRE = ROOT / "src/ninelives/runners/remote/wire"


def test_the_code_is_what_protoc_makes_of_the_protos(tmp_path: Path) -> None:
    command = [
        "-I",
        str(ROOT / "src"),
        f"--python_out={tmp_path}",
        f"--pyi_out={tmp_path}",
        *map(str, WIRE.glob("*.proto")),
    ]
    subprocess.run([sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", *command], check=True)
    made = {path.name: path.read_text() for path in tmp_path.rglob("*_pb2.py*")}
    assert made == {path.name: path.read_text() for path in WIRE.glob("*_pb2.py*")}, "make protos"


def test_the_services_are_those_of_the_protos() -> None:
    """Read as text: this process forks, and so does without gRPC."""
    services = ast.parse((WIRE.parent / "services.py").read_text())
    methods = {
        ast.literal_eval(node.args[0]).rpartition(".")[2]: {ast.literal_eval(key) for key in node.args[1].keys}
        for node in ast.walk(services)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Service"
        if isinstance(node.args[1], ast.Dict)
    }
    assert methods == protos()


@pytest.mark.parametrize("service", ["HandlerService", "RunnerService"])
def test_the_docs_say_each_method(service: str) -> None:
    docs = (ROOT / "docs/protocol.md").read_text()
    section = docs.partition(f"### `{service}`")[2].partition("\n#")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == protos()[service]


def protos() -> dict[str, set[str]]:
    """Return the methods of each service."""
    found = {}
    for path in WIRE.glob("*.proto"):
        text = path.read_text()
        (name,) = re.findall(r"^service (\w+)", text, re.MULTILINE)
        found[name] = set(re.findall(r"^  rpc (\w+)", text, re.MULTILINE))
    return found


@pytest.mark.parametrize("more", [[], ["--runner", "local"]])
def test_other_runs_do_not_load_grpc(tmp_path: Path, more: list[str]) -> None:
    program = tmp_path / "code" / "main.py"
    program.parent.mkdir()
    program.write_text("import sys\n\n\ndef main(event):\n    return sorted({n.split('.')[0] for n in sys.modules})\n")
    loaded = "import sys, atexit; atexit.register(lambda: print('\\n' + ' '.join(sys.modules))); "
    start = loaded + "from ninelives.cli.main import main; main()"
    command = [sys.executable, "-c", start, "run", f"{program}:main", "--json", *more]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert '"state": "completed"' in ran.stdout
    assert not re.search(r"\b(grpc|google)\b", ran.stdout)
