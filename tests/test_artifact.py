"""Builds that are handed on: the same bytes everywhere, what they say of themselves, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata

import msgspec
import pytest

from ninelives import archive
from ninelives.archive import Member, members
from ninelives.code import build as builds
from ninelives.code.artifact import ABOUT, About, bad_name, make, read
from ninelives.config.settings import Limits
from ninelives.errors import BuildGoneError, ProgramError

FILES = {
    "app.py": "class Job:\n    def __init__(self, event): ...\n\n\nasync def main(event, *, session_id): ...\n",
    "pkg/ümläut.py": "def handler(event): ...\n",
    "pkg/run.sh": "#!/bin/sh\n",
    "data.json": "{}",
    "requirements.txt": "requests>=2.32\n",
    "pyproject.toml": '[project]\nrequires-python = ">=3.11,<3.14"\ndependencies = ["other"]\n',
}


@pytest.fixture
def code(tmp_path):
    return fill(tmp_path / "code", FILES)


def fill(folder, files):
    folder.mkdir(exist_ok=True)
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if path.endswith(".sh") else 0o644)
    return folder


def test_a_build_says_what_it_exports_and_needs(code):
    made = make(code)
    assert [(export.file, export.line, export.name, export.args) for export in made.about.exports] == [
        ("app.py", 1, "Job", ["event"]),
        ("app.py", 5, "main", ["event", "session_id"]),
        ("pkg/ümläut.py", 1, "handler", ["event"]),
    ]
    assert (made.about.python, made.about.requirements) == (">=3.11,<3.14", ["requests>=2.32"])
    assert made.files == sorted(FILES)
    assert read(made.tar) == made
    # So much is enough to know it.
    assert msgspec.json.decode(next(members(made.tar)).content, type=About) == made.about


def test_the_same_code_is_the_same_bytes_wherever_it_is(code, tmp_path):
    old = os.umask(0o077)
    try:
        other = fill(tmp_path / "elsewhere", dict(reversed(FILES.items())))
        for path in other.rglob("*"):
            path.chmod(path.stat().st_mode & 0o700)
            os.utime(path, (7, 7))
    finally:
        os.umask(old)
    fill(other, {".git/config": "x", "__pycache__/app.pyc": "x", ".gitignore": "*.log\n", "x.log": "x"})
    assert make(code).tar == make(other).tar


def test_the_same_bytes_with_another_python_s_settings(cli_free_environment, code):
    script = "import sys; from pathlib import Path; from ninelives.code.artifact import make; print(make(Path(sys.argv[1])).id)"
    ids = {
        subprocess.run(
            [sys.executable, *flags, "-c", script, str(code)],
            env=cli_free_environment | extra,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for flags, extra in [
            ([], {"PYTHONHASHSEED": "1"}),
            (["-O"], {"PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "Asia/Tokyo"}),
            (["-B"], {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONHASHSEED": "3"}),
        ]
    }
    # What every machine and every Python must come to: the format is fixed.
    assert ids == {make(code).id} == {"2a71047934bbfacd14cc080589e0a71161b94cb7bf0c127bc2dccb32d2d4fd47"}


@pytest.fixture
def cli_free_environment():
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}


def test_what_is_left_out_silently_by_a_session_is_refused(code, tmp_path):
    (code / "out.py").symlink_to(tmp_path / "secret.py")
    (code / "nowhere").symlink_to("gone")
    with pytest.raises(
        ProgramError, match=r"nowhere is a link that leads out .* \(and 1 more\): remove it, or name it"
    ):
        make(code)
    (code / ".ninelivesignore").write_text("nowhere\nout.py\n")
    assert make(code).files == sorted(FILES)
    with pytest.raises(ProgramError, match=r"app\.py is larger than 60 bytes"):
        make(code, file_size=60)
    with pytest.raises(ProgramError, match=r"too large to be a program \(over 10,000 files or 100 bytes\)"):
        make(code, build_size=100)
    with pytest.raises(ProgramError, match=r"makes a build over 1 KiB: raise limits\.build_size"):
        make(code, build_size=1024)


def test_a_file_that_is_no_python_is_refused(code):
    (code / "pkg" / "broken.py").write_text("def f(:\n")
    with pytest.raises(ProgramError, match=r"code/pkg/broken\.py:1: SyntaxError: .*: def f\(:"):
        make(code)


BAD = [
    (["a/b.py", "a/B.py"], "'a/B.py' and 'a/b.py' are the same name on some disks"),
    (["a/b.py", "A/c.py"], "'A' and 'a' are the same name on some disks"),
    (["straße.py", "STRASSE.py"], "are the same name on some disks"),
    (["a", "a/b"], "'a' and 'a' are the same name on some disks"),
    (["a/b", "a"], "'a' and 'a' are the same name on some disks"),
    (["a", "a"], "'a' is there twice"),
    (["a\nb"], r"'a\nb' has a backslash or a character that can't be seen"),
    (["a\\b"], "has a backslash"),
    (["a\u200bb"], "can't be seen"),
    (["a\udcffb"], "is not UTF-8"),
    ([unicodedata.normalize("NFD", "ü.py")], "form NFC"),
    (["x" * 251], "is too long"),
    (["ü" * 126], "is too long"),
    (["/".join(["x" * 100] * 11)], "is too long"),
]


@pytest.mark.parametrize(("paths", "problem"), BAD)
def test_names_that_not_every_disk_can_have(paths, problem):
    assert problem in bad_name(paths)


def test_names_that_every_disk_can_have():
    assert bad_name(["a/b.py", "a/c.py", "b/a", "x y.py", "x" * 250, "日本.py", "a.b/c"]) is None


def test_a_bad_name_is_no_build(code):
    (code / "App.py").write_text("")
    with pytest.raises(ProgramError, match=r"'app\.py' and 'App\.py' are the same name .*: rename it"):
        make(code)


@pytest.mark.parametrize(
    ("tar", "said"),
    [
        (b"", "damaged at byte 0"),
        (b"\0" * 1024, "this is no build"),
        (archive.pack([Member("app.py", b"", False)]), "this is no build"),
        (archive.pack([Member(ABOUT, b"{}", False)]), "nothing of itself that can be read"),
        (archive.pack([Member(ABOUT, msgspec.json.encode(About(2, [], None, [], [])), False)]), "another ninelives"),
        (
            archive.pack(
                [Member(name, msgspec.json.encode(About(1, [], None, [], [])), False) for name in (ABOUT, ABOUT)]
            ),
            "there twice",
        ),
    ],
)
def test_what_is_no_build(tar, said):
    with pytest.raises(BuildGoneError, match=said):
        read(tar)


def test_a_build_over_the_limit_is_not_read(code):
    with pytest.raises(BuildGoneError, match=r"over 1 KiB: raise limits\.build_size"):
        read(make(code).tar, build_size=1024)


def test_the_limits_of_the_settings_are_those_of_a_session_s_builds():
    assert (Limits().file_size, Limits().build_size) == (builds.LARGEST_FILE, builds.MOST_BYTES)
