"""Builds of user code: what is in them, what is not, and that the same code is the same build."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile

import pytest

from ninelives.archive import Member
from ninelives.archive import pack as pack_members
from ninelives.code import build as builds
from ninelives.code.build import pack, unpack
from ninelives.code.ignore import decide, parse
from ninelives.errors import BuildGoneError, ProgramError


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


def fill(folder, *paths):
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


def test_a_build_has_the_code_and_nothing_else(code):
    fill(code, "main.py", "pkg/__init__.py", "pkg/mod.py", "pkg/data.json", "run.sh", "ümläut.py")
    fill(code, ".hidden", ".git/config", "__pycache__/x.py", "pkg/old.pyc", "env/pyvenv.cfg", "env/lib/x.py")
    fill(code, "node_modules/x/index.js", "lib/site-packages/x.py")
    (code / "run.sh").chmod(0o755)
    build = pack(code)
    assert list(build.files) == ["main.py", "pkg/__init__.py", "pkg/data.json", "pkg/mod.py", "run.sh", "ümläut.py"]
    assert build.files["main.py"] == hashlib.sha256(b"main.py").hexdigest()
    assert build.id == hashlib.sha256(build.tar).hexdigest()
    assert build.skipped == {}
    with tarfile.open(fileobj=io.BytesIO(build.tar)) as tar:
        assert tar.getnames() == list(build.files)
        assert {member.mtime for member in tar} == {0}
        assert tar.extractfile("pkg/data.json").read() == b"pkg/data.json"
        assert [member.name for member in tar if member.mode & 0o100] == ["run.sh"]


def test_the_same_code_is_the_same_build(code, tmp_path):
    fill(code, "b.py", "a.py", "pkg/c.py")
    other = tmp_path / "elsewhere"
    other.mkdir()
    fill(other, "pkg/c.py", "a.py", "b.py", ".gitignore")
    os.utime(other / "a.py", (0, 0))
    (other / "b.py").chmod(0o600)
    assert pack(code).id == pack(other).id
    (other / "a.py").write_text("changed")
    assert pack(code).id != pack(other).id


def test_links_stay_in_the_code_directory(code, tmp_path):
    fill(code, "main.py", "shared/mod.py")
    fill(tmp_path, "outside/secret.py")
    (code / "alias.py").symlink_to("main.py")
    (code / "app").mkdir()
    (code / "app" / "shared").symlink_to("../shared")
    (code / "shared" / "loop").symlink_to("..")
    (code / "out").symlink_to(tmp_path / "outside")
    (code / "secret.py").symlink_to(tmp_path / "outside" / "secret.py")
    (code / "nowhere").symlink_to("gone")
    (code / "itself").symlink_to("itself")
    build = pack(code)
    assert list(build.files) == ["alias.py", "app/shared/mod.py", "main.py", "shared/mod.py"]
    assert sorted(build.skipped) == ["itself", "nowhere", "out", "secret.py"]
    assert set(build.skipped.values()) == {"a link that leads out of the code directory, or nowhere"}


def test_a_pipe_in_the_code_directory_is_no_code(code):
    fill(code, "main.py")
    os.mkfifo(code / "pipe")
    assert list(pack(code).files) == ["main.py"]


def test_large_files_are_skipped_and_said_to_be(code):
    fill(code, "main.py")
    (code / "model.bin").write_bytes(bytes(5 * 2**20 + 1))
    (code / "small.bin").write_bytes(bytes(5 * 2**20))
    build = pack(code)
    assert list(build.files) == ["main.py", "small.bin"]
    assert build.skipped == {"model.bin": "larger than 5 MiB"}


def test_too_much_code_is_one_clear_error(code, monkeypatch):
    fill(code, *(f"{number}.py" for number in range(11)))
    monkeypatch.setattr(builds, "MOST_FILES", 10)
    with pytest.raises(ProgramError, match=r"over 10 files or 200 MiB\): .* \.ninelivesignore"):
        pack(code)
    monkeypatch.undo()
    monkeypatch.setattr(builds, "MOST_BYTES", 30)
    with pytest.raises(ProgramError, match="too large"):
        pack(code)


@pytest.mark.parametrize("limit", ["MANY_FILES", "MANY_BYTES"])
def test_much_code_is_worth_a_word(code, monkeypatch, limit):
    fill(code, "main.py", "shop/cart.py")
    assert not pack(code).warning
    monkeypatch.setattr(builds, limit, 4)
    (code / "data").mkdir()
    for number in range(3):
        (code / f"data/{number}.csv").write_bytes(bytes(2**20))
    assert pack(code).warning == (
        f"the code in {code} is large (5 files, 3.0 MiB), and all of it is read and kept for the session; "
        "the largest of it: data/ (3 files, 3.0 MiB), shop/ (1 file, 0.0 MiB), main.py (1 file, 0.0 MiB); "
        f"name what is no code in {code}/.ninelivesignore"
    )
    (code / ".ninelivesignore").write_text("data\n")
    monkeypatch.setattr(builds, "MANY_BYTES", 100)
    assert not pack(code).warning


def test_a_directory_that_is_not_there_is_one_clear_error(code):
    with pytest.raises(ProgramError, match=r"gone can't be read .No such file"):
        pack(code / "gone")


def test_ignore_files_count_from_their_folder_down(code):
    fill(code, "main.py", "data/a.csv", "data/b.csv", "pkg/data/c.csv", "pkg/keep.log", "pkg/x.log", "build/x.py")
    (code / ".gitignore").write_text("/data\nbuild/\n*.log\n")
    (code / ".ninelivesignore").write_text("!/data\ndata/b.csv\n")
    (code / "pkg" / ".gitignore").write_text("!keep.log\n")
    assert list(pack(code).files) == ["data/a.csv", "main.py", "pkg/data/c.csv", "pkg/keep.log"]


PATTERNS = """
*.tmp
!keep.tmp
/top
dir/
a/b
**/deep
deep/**/x
all/**
fo?.txt
[ab].py
[!c]1.py
# comment
\\#hash
\\!bang
trail\\@
 lead
sp ace
x*y*z
[]x].py
*.[oa]
**foo
doc/**/*.md
[a-
""".strip("\n").replace("@", " ")

PATHS = re.split(
    r"[|\n]",
    """\
trail | lead|sp ace|x.tmp|keep.tmp|d/keep.tmp|top|d/top|dir/f|d/dir/f|dir2|a/b|d/a/b|deep|d/deep
d/e/deep/y|deep/x|deep/1/x|deep/1/2/x|d/deep/x|all/f|all/g/h|foo.txt|fo.txt|d/fob.txt|fo/.txt|a.py|b.py
c.py|c1.py|d1.py|d/e1.py|#hash|!bang|x.o|x.a|lib.so|xyz|x1y2z|x/y/z|].py|x.py|y.py|barfoo|d/barfoo
doc/a.md|doc/b/c/a.md|odoc/a.md|lead""",
)


def test_patterns_mean_what_they_mean_to_git(code):
    if not shutil.which("git"):
        pytest.skip("needs git")
    subprocess.run(["git", "init", "-q", str(code)], check=True)
    (code / ".gitignore").write_text(PATTERNS)
    asked = subprocess.run(
        ["git", "-C", str(code), "check-ignore", "--stdin", "-z", "--no-index"],
        input="\0".join(PATHS),
        capture_output=True,
        text=True,
    )
    patterns = parse(PATTERNS)

    def is_ignored(path):
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        return any(decide(patterns, folder, is_folder=True) for folder in above) or bool(
            decide(patterns, path, is_folder=False)
        )

    assert [path for path in PATHS if is_ignored(path)] == asked.stdout.split("\0")[:-1]


def test_unpacking_gives_back_what_was_packed(code, tmp_path):
    long = "/".join(["folder" * 8] * 5) + "/" + "ü" * 60 + ".py"
    fill(code, "main.py", long, "x" * 100, "x" * 99 + "y")
    (code / "empty.py").write_bytes(b"")
    (code / "block.bin").write_bytes(b"x" * 512)
    build = pack(code)
    unpack(build.tar, tmp_path / "deep" / "target")
    assert pack(tmp_path / "deep" / "target").files == build.files
    with tarfile.open(fileobj=io.BytesIO(build.tar)) as tar:
        assert tar.getnames() == list(build.files)


def test_unpacking_again_leaves_what_is_there(code, tmp_path):
    fill(code, "main.py")
    target = tmp_path / "target"
    unpack(pack(code).tar, target)
    inode = target.stat().st_ino
    unpack(pack(code).tar, target)
    assert target.stat().st_ino == inode
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("path", ["../evil", "/evil", "a/../../evil", "./evil", "a//evil", ""])
def test_nothing_is_unpacked_outside(tmp_path, path):
    tar = pack_members([Member("good", b"", False), Member(path, b"evil", False)])
    with pytest.raises(BuildGoneError, match="does not belong there"):
        unpack(tar, tmp_path / "in" / "target")
    assert list(tmp_path.rglob("*evil*")) == list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_only_files_are_unpacked(tmp_path, kind):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        member = tarfile.TarInfo("member")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(BuildGoneError, match="does not belong there"):
        unpack(file.getvalue(), tmp_path / "target")


@pytest.mark.parametrize("damage", [lambda tar: tar[:700], lambda tar: b"", lambda tar: tar[:5] + b"?" + tar[6:]])
def test_a_damaged_archive_is_one_clear_error(code, tmp_path, damage):
    fill(code, "main.py")
    with pytest.raises(BuildGoneError, match=r"damaged at byte|does not belong"):
        unpack(damage(pack(code).tar), tmp_path / "target")
    assert not (tmp_path / "target").exists()
