"""Vars: from the manifest, the command line and the environment; and that those that are secret show nowhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

SHOWS = """
import os

def handler(event):
    names = ["A", "B", "C", "D", "EMPTY", "UNSET"]
    print(*(f"{name}={os.environ.get(name, '-')}" for name in names))
"""

MANIFESTS = {
    "ninelives.yaml": """
        name: mine
        vars:
          A: from the manifest
          B: 0080
          C: true
          D: null
          EMPTY: ""
        """,
    "autokitteh.yaml": """
        version: v1
        project:
          name: theirs
          vars:
            - name: A
              value: from the manifest
            - {name: B, value: 0080, description: a port}
            - name: C
              value: true
              secret: false
            - name: D
            - name: EMPTY
              value: ""
        """,
}


@pytest.fixture(params=MANIFESTS)
def manifest(request, program):
    program(SHOWS)
    return program(MANIFESTS[request.param], request.param)


def test_the_manifest_s_vars_are_the_program_s_environment(cli, manifest):
    assert cli("run", "app.py:handler").out == "A=from the manifest B=0080 C=true D=- EMPTY= UNSET=-\n"


def test_the_command_line_goes_over_the_manifest_and_the_environment_fills_what_it_leaves_out(cli, manifest):
    answer = cli("run", "app.py:handler", "--var", "A=given", B="environment", D="d", EMPTY="e", UNSET="u")
    assert answer.out == "A=given B=0080 C=true D=d EMPTY=e UNSET=u\n"


WRONG = [
    ("vars: 1", "ninelives.yaml:1: vars are a mapping"),
    ("vars:\n  - value: x", "ninelives.yaml:2: a var needs a name"),
    ("vars:\n  - A", "ninelives.yaml:2: a var needs a name"),
    ("vars:\n  A=B: x", "ninelives.yaml:2: a var needs a name, like 'name: TOKEN', without '='"),
    ("vars:\n  - name: A\n  - name: A", "ninelives.yaml:3: the var A is there already, in line 2"),
    ("vars:\n  A: [1]", "ninelives.yaml:2: the value of A is a text"),
    ('vars:\n  A: "x\\0"', "ninelives.yaml:2: the value of A is a text"),
    ("vars:\n  A:\n    secret: 1", "ninelives.yaml:3: secret is true or false"),
    ("vars:\n  A:\n    secrets: true", "ninelives.yaml:3: 'secrets' means nothing: write 'secret: true'"),
    ("vars:\n  A: x\n  A: y", "ninelives.yaml:3: 'A' is there already, in line 2"),
]


def test_older_manifests_of_autokitteh(cli, program):
    program(SHOWS)
    program(
        """
        version: v1
        project:
          name: old
          vars:
            - {name: A, value: default, env_var: MY_A}
            - {name: B, value: default, env_var: MY_B}
            - {name: C, is_secret: true, env_var: MY_C}
        """,
        "autokitteh.yaml",
    )
    answer = cli("run", "app.py:handler", "--session", "s", MY_A="mine", MY_C="s3cret-c")
    assert answer.out == "A=mine B=default C=s3cret-c D=- EMPTY=- UNSET=-\n"
    assert cli("sessions", "logs", "s").out == "A=mine B=default C=*** D=- EMPTY=- UNSET=-\n"


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_manifest_that_is_no_good_is_one_line_with_its_place(cli, program, text, said):
    program(SHOWS)
    program(text, "ninelives.yaml")
    answer = cli("run", "app.py:handler")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert said in answer.err


#: Shows its secret wherever a program can show something, and in every way that is found.
TELLS = """
import base64
import json
import logging
import os
import shutil
import threading
import urllib.parse
import urllib.request
import warnings

import ninelives


@ninelives.activity
def call(*args, **kwargs):
    print("in an activity", *args)
    logging.warning("logged in an activity %s", args)
    return args


@ninelives.activity(retries=1, backoff=0)
def fail(token):
    raise ConnectionError(f"refused: {token}", {"token": token})


def handler(event):
    token = os.environ["TOKEN"]
    print(token)
    print("begins", end=" ")
    print(token[:5], end="")
    print(token[5:])
    logging.warning("logged %s", token)
    warnings.warn(f"warned of {token}", stacklevel=1)
    call(token, key=token, data={"nested": [token.encode()]})
    call(json.dumps({"body": json.dumps({"token": token})}))
    call("https://host/?" + urllib.parse.urlencode({"token": token}), f"https://{urllib.parse.quote(token, safe='')}@h/")
    call({"Authorization": "Basic " + base64.b64encode(f"user:{token}".encode()).decode()})
    call(token.encode().hex(), "x" * 2_450 + token * 30)
    ninelives.set_value("last", token)
    shutil.which(token)
    try:
        urllib.request.urlopen(f"http://127.0.0.1:1/?{urllib.parse.quote(token)}")
    except OSError:
        pass
    thread = threading.Thread(target=print, args=(token,), name=token)
    thread.start()
    thread.join()
    try:
        fail(token)
    except ConnectionError as error:
        print(error)
    if event.data.get("raises"):
        error = RuntimeError(f"raised with {token}")
        error.add_note(f"a note of {token}")
        raise error from ValueError(token)
    return {"token": token, "list": [token] * 3}
"""

TOKEN = "t0k/en+\"'é s3cret-9f86d081"


def all_that_is_shown(cli, session, home):
    commands = [["show"], ["logs"], ["journal"]]
    answers = [cli("sessions", *command, session, *extra) for command in commands for extra in ([], ["--json"])]
    return "\n".join(answer.out + answer.err for answer in [*answers, cli("sessions", "list", "--json")])


@pytest.mark.parametrize("raises", ["", '{"raises": true}'])
@pytest.mark.parametrize("how", ["environment", "file", "manifest", "manifest and command line"])
def test_secrets_show_nowhere(cli, program, home, tmp_path, how, raises):
    program(TELLS)
    arguments, environment = [], {}
    if how == "environment":
        arguments, environment = ["--var", "TOKEN"], {"TOKEN": TOKEN}
    elif how == "file":
        (tmp_path / "token").write_text(TOKEN)
        arguments = ["--var", "TOKEN=@token"]
    elif how == "manifest":
        program("vars:\n  - {name: TOKEN, secret: true}", "ninelives.yaml")
        environment = {"TOKEN": TOKEN}
    else:
        program("vars:\n  TOKEN: {secret: true}", "ninelives.yaml")
        arguments = ["--var", f"TOKEN={TOKEN}"]
    data = ["--data", raises] if raises else []
    answer = cli("run", "app.py:handler", "--session", "s", "--json", *arguments, *data, **environment)
    assert answer.code == (1 if raises else 0), answer.err
    shown = answer.out + all_that_is_shown(cli, "s", home)
    assert "***" in shown
    assert [form for form in ("t0k", "s3cret", "9f86d081") if form in shown] == []
    for encoded in ("dDBrL2VuK", "743030", TOKEN.encode().hex()[:12]):
        assert encoded not in shown
    again = cli("resume", "s", *arguments, **environment)
    assert "s3cret" not in again.err + again.out


def test_a_traceback_on_the_terminal_hides_secrets(cli, program):
    program('import os\n\n\ndef handler(event):\n    raise ValueError(os.environ["TOKEN"])\n')
    answer = cli("run", "app.py:handler", "--var", "TOKEN", TOKEN="s3cret-value")
    assert answer.code == 1
    assert "ValueError: ***" in answer.err
    assert "s3cret" not in answer.err


def test_an_error_while_the_program_loads_hides_secrets(cli, program):
    program("import os\n\n__import__(os.environ['TOKEN'])\n\n\ndef handler(event): ...\n")
    for extra in ([], ["--json"]):
        answer = cli("run", "app.py:handler", "--var", "TOKEN", *extra, TOKEN="s3cret_module")
        assert answer.code == 2
        assert "s3cret" not in answer.err + answer.out


def test_a_session_that_is_stopped_says_no_secret(cli, program):
    program(
        """
        import os, socket

        def handler(event):
            with socket.create_server(("127.0.0.1", 0)) as server:
                pass
            os.path.exists(os.environ["TOKEN"] + str(os.environ.get("MORE")))
            1 / 0
        """
    )
    assert cli("run", "app.py:handler", "--session", "s", "--var", "TOKEN", TOKEN="s3cret-value").code == 1
    program("import os\n\n\ndef handler(event):\n    os.path.isdir(os.environ['TOKEN'])\n", "new/app.py")
    answer = cli("resume", "s", "--with-code", "new", "--var", "TOKEN", TOKEN="s3cret-value")
    assert answer.code == 4
    assert "s3cret" not in answer.err


def test_an_event_with_a_secret_in_it_is_given_whole_and_shown_without(cli, program):
    program('def handler(event):\n    return event.data.hook == "https://h/" + event.data.right\n')
    data = '{"hook": "https://h/s3cret-value", "right": "s3cret-value"}'
    answer = cli("run", "app.py:handler", "--session", "s", "--var", "T", "--data", data, "--json", T="s3cret-value")
    assert answer.document["result"] == "True"
    shown = cli("sessions", "journal", "s", "--json").out
    assert "s3cret" not in shown
    assert "https://h/***" in shown


def test_a_secret_is_no_part_of_the_store_s_records_and_is_asked_for_again(cli, program, home):
    program('import os\n\n\ndef handler(event):\n    print(len(os.environ["TOKEN"]))\n    1 / 0\n')
    program("vars:\n  TOKEN: {secret: true}\n", "ninelives.yaml")
    assert cli("run", "app.py:handler", "--session", "s", "--var", "TOKEN=s3cret-value").code == 1
    for path in home.rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes()
    answer = cli("resume", "s", "--retry-failed")
    assert answer.code == 2
    program("import os\n\n\ndef handler(event):\n    return len(os.environ['TOKEN'])\n", "new/app.py")
    answer = cli("resume", "s", "--with-code", "new")
    assert (answer.code, answer.err.splitlines()[-1].partition(" (")[0]) == (
        2,
        "ninelives: the session was started with the secret var TOKEN, which is not stored: give it again",
    )
    assert cli("resume", "s", "--with-code", "new", "--var", "TOKEN", TOKEN="rotated").code == 0


def test_a_secret_s_file_is_no_part_of_repaired_code(cli, program, home, tmp_path):
    program("def handler(event):\n    1 / 0\n")
    program("s3cret-value\n", "key")
    assert cli("run", "app.py:handler", "--session", "s", "--var", "KEY=@key").code == 1
    program("def handler(event): ...\n", "new/app.py")
    program("s3cret-value\n", "new/key")
    assert cli("resume", "s", "--with-code", "new", "--var", "KEY=@new/key").code == 0
    for path in home.rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes()


def test_a_secret_of_the_environment_is_in_no_list_of_processes(cli, program):
    program(
        """
        import os, subprocess

        def handler(event):
            return os.environ["TOKEN"] in subprocess.check_output(["ps", "-A", "-o", "args"], text=True)
        """
    )
    if sys.platform != "linux" or subprocess.run(["which", "ps"], capture_output=True, check=False).returncode:
        program(
            """
            import os, pathlib

            def handler(event):
                lines = [path.read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
                return os.environ["TOKEN"].encode() in b"".join(lines)
            """
        )
    answer = cli("run", "app.py:handler", "--json", "--var", "TOKEN", TOKEN="s3cret-of-the-list")
    assert answer.document["result"] == "False"


def test_a_build_holds_no_secret_of_the_manifest(cli, program):
    program("def handler(event): ...\n", "code/app.py")
    program("vars:\n  OPEN: x\n  TOKEN:\n    value: s3cret\n    secret: true\n", "code/ninelives.yaml")
    answer = cli("build", "code", "-o", "x.tar")
    said = (
        "code/ninelives.yaml:3: the var TOKEN is secret, and its value would be in the build: leave the value out here"
    )
    assert (answer.code, answer.err) == (2, f"ninelives: {said}, and give it to who starts the session\n")
    program("vars:\n  OPEN: x\n  TOKEN:\n    secret: true\n", "code/ninelives.yaml")
    assert cli("build", "code", "-o", "x.tar").code == 0


def test_a_rotated_secret_is_no_divergence_in_whatever_way_it_is_written(cli, program, tmp_path):
    program(
        """
        import base64
        import os
        import pathlib
        import urllib.parse

        import ninelives


        @ninelives.activity
        def call(*args):
            return len(args)


        def handler(event):
            token = os.environ["TOKEN"]
            call({"Authorization": "Basic " + base64.b64encode(f"user:{token}:x".encode()).decode()})
            call("https://h/?" + urllib.parse.urlencode({"token": token, "a": "b"}), token.encode().hex())
            print("called")
            return pathlib.Path("there").read_text()
        """
    )
    program("vars:\n  TOKEN: {secret: true}\n", "ninelives.yaml")
    assert cli("run", "app.py:handler", "--session", "s", TOKEN="f1rst/token+of all").code == 1
    (tmp_path / "there").write_text("there")
    answer = cli("resume", "s", "--retry-failed", "--json", TOKEN="the second, a longer one: äöü&?")
    assert (answer.code, answer.document["result"], answer.out.count("called")) == (0, "'there'", 0)
