"""The file in which a runner says what it starts: what the worker has not heard of is there, whatever died."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninelives import starts
from ninelives.starts import Starts
from ninelives.storage import Journal, NewSession, Store

ROWS = [(1, "start", b"s")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as made:
        made.create(NewSession(session_id="a", project="p", entry_point="m.py:main", created_at=0.0), ROWS)
        yield made


def written(journal: Journal) -> tuple[Starts, int]:
    descriptor = journal.starts()
    assert descriptor is not None
    return Starts(descriptor), descriptor


def test_what_a_runner_started_is_noted_when_it_has_ended(store: Store) -> None:
    journal = store.acquire("a")
    file, descriptor = written(journal)
    file.write([(2, "activity", b"first")])
    file.write([(3, "activity", b"second")])
    assert [row.seq for row in store.rows("a")] == [1, 2, 3], "somebody who looks sees it"
    journal.note([(2, "activity", b"first")])
    journal.take_starts()
    os.close(descriptor)
    assert [tuple(row) for row in journal.load()] == [
        *ROWS,
        (2, "activity", b"first"),
        (3, "activity", b"second"),
    ]
    journal.take_starts()
    assert len(journal.load()) == 3


def test_what_the_worker_has_heard_of_is_written_over_and_does_no_harm(store: Store) -> None:
    journal = store.acquire("a")
    file, descriptor = written(journal)
    for seq in (2, 3, 4):
        file.write([(seq, "activity", b"x" * 10)])
        journal.commit([(seq, "activity", b"x" * 10)])
    file.heard()
    file.write([(5, "activity", b"y" * 10)])
    os.close(descriptor)
    journal.take_starts()
    assert [(row[0], row[2][:1]) for row in journal.load()] == [(1, b"s"), (2, b"x"), (3, b"x"), (4, b"x"), (5, b"y")]


@pytest.mark.parametrize("size", [0, 3, 11, 24])
def test_a_frame_that_is_not_whole_does_not_count(store: Store, tmp_path: Path, size: int) -> None:
    journal = store.acquire("a")
    file, descriptor = written(journal)
    file.write([(2, "activity", b"z" * 30)])
    os.ftruncate(descriptor, size)
    os.close(descriptor)
    journal.take_starts()
    assert [tuple(row) for row in journal.load()] == ROWS


def test_a_damaged_frame_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    Starts(descriptor).write([(2, "activity", b"z")])
    os.close(descriptor)
    data = path.read_bytes()
    assert len(starts.read(path)) == 1
    path.write_bytes(data[:-1] + b"?")
    assert starts.read(path) == []


@pytest.mark.parametrize(
    "rows", [[(2, "outcome", b"mine")], [(2**40, "activity", b"")], [(-1, "activity", b"")], [(2, "activity")], "text"]
)
def test_what_is_no_start_does_not_count_whoever_wrote_it(store: Store, rows: object) -> None:
    journal = store.acquire("a")
    file, descriptor = written(journal)
    file.write(rows)  # type: ignore[arg-type]
    os.close(descriptor)
    journal.take_starts()
    assert [tuple(row) for row in journal.load()] == ROWS


def test_a_worker_that_was_killed_leaves_it_to_the_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    pid = os.fork()
    if not pid:
        store = Store.open(home)
        store.create(NewSession(session_id="a", project="p", entry_point="m.py:main", created_at=0.0), ROWS)
        file, _ = written(store.acquire("a"))
        file.write([(2, "activity", b"begun")])
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    with Store.open(home) as store:
        journal = store.acquire("a")
        assert [tuple(row) for row in journal.load()] == [*ROWS, (2, "activity", b"begun")]
        journal.release()
        assert sorted((home / "tails").iterdir()) == []
        assert [row.seq for row in store.rows("a")] == [1, 2]


def test_a_store_in_memory_has_no_such_file() -> None:
    with Store.open(None) as store:
        store.create(NewSession(session_id="a", project="p", entry_point="m.py:main", created_at=0.0), ROWS)
        assert store.acquire("a").starts() is None
