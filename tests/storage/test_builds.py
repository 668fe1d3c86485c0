"""Builds in the store."""

import hashlib
import os
import stat
from typing import NamedTuple

import pytest

from ninelives import archive
from ninelives.archive import Member
from ninelives.errors import BuildGoneError, StoreFullError
from ninelives.storage import SessionUpdate, Store


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


@pytest.fixture
def other():
    tar = archive.pack([Member("main.py", b"print(2)\n", False)])
    return Build(hashlib.sha256(tar).hexdigest(), tar)


def names(home):
    return sorted(path.name for path in (home / "builds").iterdir())


def test_a_build_goes_with_its_last_session(store, home, make, build, other):
    for name, its in (("one", build), ("two", build), ("three", other)):
        store.builds.put(its)
        store.create(make(name, build_id=its.id), [])
    store.builds.path(build.id)
    store.delete("one")
    assert names(home) == sorted([build.id, f"{build.id}.tar", f"{other.id}.tar"])
    store.delete("two")
    assert names(home) == [f"{other.id}.tar"]
    # Nothing that is half a build is taken for one.
    store.builds.put(build)
    store.create(make("one", build_id=build.id), [])
    assert (store.builds.path(build.id) / "main.py").read_text() == "print(1)\n"


def test_a_build_that_is_removed_before_a_session_refers_to_it_is_put_again(store, home, make, build, other):
    store.create(make("old"), [])
    store.create(make("repaired"), [])
    journal = store.acquire("repaired")
    store.builds.put(build)
    store.builds.put(other)
    store.delete("old")
    assert names(home) == []
    store.create(make("new", build_id=build.id), [])
    journal.commit(update=SessionUpdate(build_id=other.id))
    journal.release()
    assert names(home) == sorted([f"{build.id}.tar", f"{other.id}.tar"])
    assert store.builds.tar(build.id) == build.tar


@pytest.mark.parametrize("moment", ["set_aside", "remove"])
def test_a_build_whose_removal_is_cut_off_goes_with_the_next_session_deleted(store, home, make, run, build, moment):
    for name, build_id in (("one", build.id), ("two", "")):
        store.builds.put(build)
        store.create(make(name, build_id=build_id), [])
    store.builds.path(build.id)
    run(f"""
        import shutil
        from ninelives.storage import builds
        if "{moment}" == "set_aside":
            builds.Builds.set_aside = lambda *_: die()
        else:
            shutil.rmtree = lambda path, **_: die()
        Store.open(home).delete("one")
    """)
    assert names(home)
    assert [session.session_id for session in store.sessions()] == ["two"]
    store.delete("two")
    assert names(home) == []


def test_what_a_kill_left_half_written_goes_after_a_day(store, home, make, build):
    store.builds.put(build)
    store.create(make("one", build_id=build.id), [])
    store.create(make("two"), [])
    for name, at in (("a" * 32, 0), ("b" * 32, None)):
        (home / "builds" / name).touch()
        if at is not None:
            os.utime(home / "builds" / name, (at, at))
    store.delete("two")
    assert names(home) == sorted([f"{build.id}.tar", "b" * 32])


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
