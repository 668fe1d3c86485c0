"""Large values outside of the journal table."""

import io
import os
import pickle
import tracemalloc

import pytest

from ninelives.errors import StoreCorruptError
from ninelives.storage import Store


def write(store, content, session=1):
    with store.blobs.writer(session) as writer:
        writer.write(content)
        return writer.finish()


def files(home, pattern="??/*"):
    return sorted((home / "blobs").glob(pattern))


@pytest.fixture
def journal(store, make):
    store.create(make(), [])
    journal = store.acquire("one")
    yield journal
    journal.release()


@pytest.mark.parametrize("content", [b"", b"a", b"line\n" * 300_000, os.urandom(700_000)])
def test_a_blob_reads_as_it_was_written(store, home, journal, content):
    sha256 = write(store, content)
    assert store.blobs.open(sha256).read() == content
    journal.commit(blobs=[sha256])
    assert store.blobs.open(sha256).read() == content
    assert list(iter(store.blobs.open(sha256).readline, b"")) == io.BytesIO(content).readlines()
    file, parts = store.blobs.open(sha256), []
    while part := file.read(100_003):
        parts.append(part)
    assert b"".join(parts) == content
    assert [path.name for path in files(home)] == [sha256]
    assert files(home, "new/*") == []


def test_an_object_is_pickled_and_unpickled_in_pieces(store, journal):
    value = {"bytes": os.urandom(20 << 20), "array": bytearray(10 << 20), "text": "ö" * 1000}
    tracemalloc.start()
    with store.blobs.writer(1) as writer:
        pickle.Pickler(writer, protocol=5).dump(value)
        sha256 = writer.finish()
    journal.commit(blobs=[sha256])
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    assert pickle.Unpickler(store.blobs.open(sha256)).load() == value
    # The copy of the value itself, and little more.
    assert tracemalloc.get_traced_memory()[1] < 42 << 20
    tracemalloc.stop()


def test_the_same_content_is_kept_once_and_as_long_as_somebody_refers_to_it(store, home, make):
    for name in ("one", "two"):
        store.create(make(name), [])
        journal = store.acquire(name)
        journal.commit(blobs=[write(store, b"content"), write(store, b"content")])
        journal.release()
    assert len(files(home)) == 1
    store.delete("one")
    assert len(files(home)) == 1
    store.delete("two")
    assert files(home) == []


def test_a_blob_that_is_about_to_be_referred_to_survives_the_end_of_its_last_session(store, home, make, journal):
    store.create(make("two"), [])
    two = store.acquire("two")
    two.commit(blobs=[write(store, b"content")])
    two.release()
    sha256 = write(store, b"content")
    with Store.open(home) as another:
        another.delete("two")
    assert files(home) == []
    assert store.blobs.open(sha256).read() == b"content"
    journal.commit(blobs=[sha256])
    assert store.blobs.open(sha256).read() == b"content"


def test_two_processes_that_share_and_delete_the_same_blob_lose_none(start, store):
    program = """
        store = Store.open(home)
        for turn in range(40):
            name = f"{os.getpid()}-{turn}"
            store.create(NewSession(session_id=name, project="p", entry_point="e", created_at=1.0), [])
            journal = store.acquire(name)
            writer = store.blobs.writer(journal.number)
            writer.write(b"content")
            sha256 = writer.finish()
            journal.commit(blobs=[sha256])
            assert store.blobs.open(sha256).read() == b"content"
            journal.release()
            store.delete(name)
        say("right")
    """
    processes = [start(program) for _ in range(3)]
    assert [process.hear() for process in processes] == ["right"] * 3


def test_a_blob_that_is_not_there_is_not_referred_to(store, journal):
    with pytest.raises(StoreCorruptError, match=r"is missing: .*restore it"):
        journal.commit([(1, "x", b"")], blobs=["0" * 64])
    assert journal.load() == []
    with pytest.raises(StoreCorruptError, match="is missing"):
        store.blobs.open("0" * 64)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-10], lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:], lambda data: b""]
)
def test_a_damaged_blob_is_one_clear_error(store, home, journal, damage):
    sha256 = write(store, os.urandom(1000))
    journal.commit(blobs=[sha256])
    (path,) = files(home)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreCorruptError, match=rf"damaged: .*{sha256}; restore it"):
        store.blobs.open(sha256).read()


def test_a_writer_that_is_left_leaves_nothing(store, home):
    with store.blobs.writer(1) as writer:
        writer.write(b"x")
        assert files(home, "new/*")
    assert files(home, "new/*") == []
    with pytest.raises(ValueError, match="finished or aborted"):
        writer.write(b"x")


@pytest.mark.parametrize("by", ["open", "resume", "delete"])
def test_what_killed_processes_left_goes_at_once_and_nothing_else(store, home, make, start, by):
    program = """
        store = Store.open(home)
        store.create(NewSession(session_id="{name}", project="p", entry_point="e", created_at=1.0), [])
        journal = store.acquire("{name}")
        writer = store.blobs.writer(journal.number)
        writer.write(b"finished")
        sha256 = writer.finish()
        store.blobs.writer(journal.number).write(os.urandom(1000))
        say("ready")
        sys.stdin.readline()
        journal.commit(blobs=[sha256])
        say(len(list((home / "blobs").glob("??/*"))))
    """
    killed, living = (start(program.replace("{name}", name)) for name in ("killed", "living"))
    assert killed.hear() == living.hear() == "ready"
    killed.kill()
    assert len(files(home, "new/*")) == 4
    if by == "open":
        Store.open(home).close()
    elif by == "resume":
        store.acquire("killed").release()
    else:
        store.delete("killed")
    assert len(files(home, "new/*")) == 2
    living._process.stdin.write("\n")
    living._process.stdin.flush()
    assert living.hear() == "1"


def test_what_was_never_referred_to_goes_with_the_lease(store, home, make):
    store.create(make(), [])
    journal = store.acquire("one")
    write(store, b"x", journal.number)
    journal.release()
    assert files(home, "new/*") == []
