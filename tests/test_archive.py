"""Archives from anywhere: whatever is in one, it is unpacked as it says, within its folder, or not at all."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ninelives.archive import Member, members, pack, repair, unpack
from ninelives.errors import BuildGoneError

NASTY = [
    "",
    ".",
    "..",
    "a",
    "A",
    "b",
    "ä",
    "a\u0308",
    "ﬁ",
    "\n",
    "\0",
    " ",
    "\\",
    "C:",
    "x" * 100,
    "y" * 255,
    "z" * 256,
    "~",
]
NAMES = st.lists(st.sampled_from(NASTY) | st.text(max_size=8), min_size=1, max_size=4).map("/".join)
TEXTS = NAMES.filter(lambda name: all(not "\ud800" <= letter <= "\udfff" for letter in name))
MEMBERS = st.lists(st.builds(Member, TEXTS, st.binary(max_size=1500), st.booleans()), max_size=6)


def unpacked_or_refused(tar: bytes) -> dict[str, bytes] | None:
    """Unpack into a folder deep in another, and see to it that nothing else is there afterwards."""
    with tempfile.TemporaryDirectory() as place:
        around = Path(place)
        target = around / "a" / "b" / "target"
        target.parent.mkdir(parents=True)
        (around / "a" / "other").write_text("other")
        try:
            unpack(tar, target)
        except BuildGoneError:
            assert not target.exists()
            found = None
        else:
            assert not any(path.is_symlink() for path in target.rglob("*"))
            found = {os.path.relpath(path, target): path.read_bytes() for path in target.rglob("*") if path.is_file()}
        assert sorted(path.name for path in around.iterdir()) == ["a"]
        assert sorted(path.name for path in (around / "a").iterdir()) == ["b", "other"]
        assert [path for path in target.parent.iterdir() if path != target] == []
        assert (around / "a" / "other").read_text() == "other"
        return found


@settings(max_examples=300)
@given(MEMBERS)
@example([Member("a/b", b"1", False), Member("a/b/c", b"2", False)])
@example([Member("a/b/c", b"1", False), Member("a/b", b"2", False)])
@example([Member("a", b"1", False), Member("a", b"2", True)])
@example([Member("x" * 300, b"", False)])
@example([Member("/".join(["x" * 200] * 30), b"", False)])
def test_members_of_every_name(packed):
    found = unpacked_or_refused(pack(packed))
    if found is not None:
        assert found == {member.path: member.content for member in packed}
        assert len(found) == len(packed)


KINDS = [
    tarfile.REGTYPE,
    tarfile.AREGTYPE,
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.CONTTYPE,
    tarfile.GNUTYPE_SPARSE,
]
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "a/b", "../x", "/tmp/ninelives-evil", "x" * 120, "y" * 90 + "/" + "z" * 90, "ä"]),
            st.sampled_from(KINDS),
            st.sampled_from(["", "a", "/etc/passwd", "../../other"]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(FORMATS),
)
def test_archives_of_other_programs(entries, form):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for name, kind, link in entries:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            try:
                tar.addfile(member)
            except ValueError:
                continue  # this format can't have the name
    found = unpacked_or_refused(file.getvalue())
    assert found is None or set(found) <= {name for name, kind, _ in entries if kind == tarfile.REGTYPE}
    assert not found or form != tarfile.USTAR_FORMAT or all(len(name) <= 100 for name in found)
    assert not Path("/tmp/ninelives-evil").exists()


GOOD = pack([Member("main.py", b"print(1)\n", False), Member("p/" + "x" * 120, b"y" * 700, True)])


@settings(max_examples=500)
@given(st.data())
def test_damaged_archives(data):
    tar = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(tar) - 1))
        tar[at] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            # With a checksum that fits, so that what is behind it is read.
            start = at - at % 512
            block = tar[start : start + 512]
            tar[start + 148 : start + 156] = b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:])
    unpacked_or_refused(bytes(tar[: data.draw(st.integers(0, len(tar)))]))


@given(st.binary(max_size=2000))
def test_anything_at_all(data):
    unpacked_or_refused(data)


def test_repair_writes_what_a_power_loss_has_emptied_and_nothing_else(tmp_path):
    folder = tmp_path / "folder"
    unpack(GOOD, folder)
    (folder / "p" / "own.txt").write_text("the program's own")
    inode = (folder / "main.py").stat().st_ino
    repair(GOOD, folder)
    assert (folder / "main.py").stat().st_ino == inode
    (folder / "main.py").unlink()
    (folder / "main.py").write_bytes(b"")
    (folder / "p" / ("x" * 120)).unlink()
    repair(GOOD, folder)
    assert {member.path: (folder / member.path).read_bytes() for member in members(GOOD)} == {
        member.path: member.content for member in members(GOOD)
    }
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["main.py", "own.txt", "x" * 120]
    assert (folder / "main.py").stat().st_mode & 0o777 == 0o444
