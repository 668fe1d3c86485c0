"""Builds in the store."""

import hashlib
import os
import stat
from typing import NamedTuple

import pytest

from ninelives import archive
from ninelives.archive import Member
from ninelives.errors import BuildGoneError, StoreFullError
from ninelives.storage import Store


class Build(NamedTuple):
    id: str
    tar: bytes


@pytest.fixture
def build():
    tar = archive.pack([Member("main.py", b"print(1)\n", False), Member("pkg/run.sh", b"#!/bin/sh\n", True)])
    return Build(hashlib.sha256(tar).hexdigest(), tar)


def test_a_build_is_unpacked_when_it_is_needed(store, home, build):
    store.builds.put(build)
    store.builds.put(build)
    assert [path.name for path in (home / "builds").iterdir()] == [f"{build.id}.tar"]
    folder = store.builds.path(build.id)
    assert (folder / "main.py").read_text() == "print(1)\n"
    assert stat.S_IMODE((folder / "main.py").stat().st_mode) == 0o444
    assert stat.S_IMODE((folder / "pkg/run.sh").stat().st_mode) == 0o555
    assert store.builds.path(build.id) == folder
    assert sorted(path.name for path in (home / "builds").iterdir()) == [build.id, f"{build.id}.tar"]


def test_a_build_that_is_gone_is_one_clear_error(store, build):
    with pytest.raises(BuildGoneError, match=r"build 0+ is gone: .* is missing; .* --with-code DIR"):
        store.builds.path("0" * 64)


@pytest.mark.parametrize("damage", [lambda tar: tar[:-1], lambda tar: b"", lambda tar: b"x" + tar[1:]])
def test_a_damaged_build_is_one_clear_error(store, home, build, damage):
    store.builds.put(build)
    (home / "builds" / f"{build.id}.tar").write_bytes(damage(build.tar))
    with pytest.raises(BuildGoneError, match=r"is damaged: .*; restore it"):
        store.builds.path(build.id)
    assert not (home / "builds" / build.id).exists()


def test_what_a_power_loss_has_emptied_is_written_again(home, build):
    with Store.open(home) as store:
        store.builds.put(build)
        file = store.builds.path(build.id) / "main.py"
    file.unlink()
    file.write_bytes(b"")
    with Store.open(home) as store:
        assert (store.builds.path(build.id) / "main.py").read_text() == "print(1)\n"


def test_a_disk_that_takes_a_part_of_a_build_keeps_none_of_it(small_disk):
    content = os.urandom(1_000_000)
    tar = archive.pack([Member("main.py", content, False)])
    build = Build(hashlib.sha256(tar).hexdigest(), tar)
    with Store.open(small_disk / "home") as store:
        room = os.statvfs(small_disk)
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(room.f_bavail * room.f_frsize - 500_000))
        with pytest.raises(StoreFullError, match="no space is left"):
            store.builds.put(build)
        assert list((small_disk / "home" / "builds").iterdir()) == []
        ballast.unlink()
        store.builds.put(build)
        ballast.write_bytes(bytes(room.f_bavail * room.f_frsize - 1_500_000))
        with pytest.raises(StoreFullError, match="no space is left"):
            store.builds.path(build.id)
        assert [path.name for path in (small_disk / "home" / "builds").iterdir()] == [f"{build.id}.tar"]
        ballast.unlink()
        assert (store.builds.path(build.id) / "main.py").read_bytes() == content
