"""`build`: the file it makes, and that a failure leaves nothing."""

from __future__ import annotations

import os

import pytest

from ninelives.archive import unpack
from ninelives.code.artifact import make, read

FILES = {
    "app.py": "def main(event): ...\n",
    "pkg/run.sh": "#!/bin/sh\n",
    "pyproject.toml": '[project]\nrequires-python = ">=3.11"\ndependencies = ["requests"]\n',
}


@pytest.fixture
def code(tmp_path):
    for path, text in FILES.items():
        file = tmp_path / "code" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "code" / "pkg" / "run.sh").chmod(0o755)
    return tmp_path / "code"


def test_the_command_writes_the_file_and_says_what_is_in_it(cli, code, tmp_path):
    answer = cli("build", "code", "-o", "code/app.tar", "--json")
    assert (answer.code, answer.err) == (0, "")
    tar = (code / "app.tar").read_bytes()
    document = answer.document
    assert document["build_id"] == read(tar).id
    assert (document["size"], document["files"], document["python"]) == (len(tar), sorted(FILES), ">=3.11")
    # The file itself is none of the program.
    assert cli("build", "code", "-o", "code/app.tar", "--json").document == document
    assert sorted(path.name for path in code.iterdir() if path.name.startswith(".")) == []
    (code / "app.tar").unlink()
    shown = cli("build", "code", "-o", "app.tar", NINELIVES_BUILD_LOG="1")
    assert f"build:    {document['build_id']}\nfile:     app.tar\n" in shown.out
    assert shown.err.splitlines() == sorted(FILES)
    unpack(tar, tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "pkg" / "run.sh").stat().st_mode & 0o777 == 0o555


def test_the_command_keeps_the_limits_of_the_settings(cli, code, tmp_path):
    answer = cli(
        "build", "code", "-o", "x.tar", NINELIVES_LIMITS_FILE_SIZE="10 KiB", NINELIVES_LIMITS_BUILD_SIZE="1 KiB"
    )
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "raise limits.build_size" in answer.err
    assert not (tmp_path / "x.tar").exists()
    assert cli("build", "gone", "-o", "x.tar").code == 2


def test_a_full_disk_leaves_nothing_half_written(cli, code, small_disk):
    (code / "data.bin").write_bytes(os.urandom(5_000_000))
    (small_disk / "app.tar").write_text("what was there before")
    answer = cli("build", "code", "-o", small_disk / "app.tar")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err == f"ninelives: no space is left for {small_disk}/app.tar: free some and try again\n"
    assert [path.name for path in small_disk.iterdir()] == ["app.tar"]
    assert (small_disk / "app.tar").read_text() == "what was there before"
    # Neither does unpacking.
    with pytest.raises(OSError, match="No space left"):
        unpack(make(code).tar, small_disk / "unpacked")
    assert [path.name for path in small_disk.iterdir()] == ["app.tar"]


def test_a_place_that_can_not_be_written_is_one_line(cli, code):
    answer = cli("build", "code", "-o", "gone/app.tar")
    assert (answer.code, answer.err.count("\n")) == (3, 1)
    assert "gone/app.tar can't be written (No such file or directory)" in answer.err
