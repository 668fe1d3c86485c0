"""The worker's side of a call: takes what a runner says, in order, and gives the answers. Does no I/O of its own.

Encoded values pass through unopened.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ninelives.errors import NinelivesError, ProtocolError, PythonVersionError, WrongTokenError
from ninelives.protocol import messages as m
from ninelives.protocol.states import OVER, TABLE, Closed, State, after
from ninelives.protocol.tokens import Tokens
from ninelives.runner.link import error_of
from ninelives.session.link import BlobSink, BlobSource, Row
from ninelives.session.observer import Observer
from ninelives.storage import STARTS
from ninelives.worker.link import DirectLink

#: Bytes of a journal that travel at a time.
_PIECE = 256 * 1024

Answers = list[m.Message]


class Terms(NamedTuple):
    """What a runner is let in with, and what it is told then."""

    tokens: Tokens
    #: minor version of Python that the session needs
    python: str
    welcome: m.Welcome
    #: records what a person decided
    decide: Callable[[], None]
    #: shows what the program prints: stream, bytes
    show: Callable[[str, bytes], None]
    #: makes the error that a session ends with say more
    explain: Callable[[dict[str, str]], dict[str, str]] = lambda error: error


class Conversation:
    """One call.

    Args:
        link: answers for the worker, as it does for a session in the same process.
        terms: what the runner is let in with.
        observer: told what the session does.
    """

    def __init__(self, link: DirectLink, terms: Terms, observer: Observer) -> None:
        self.state = State.WAIT
        #: what children of the runner carry
        self.marker = ""
        #: how the session ended: as the runner says, or as it is recorded if the runner had no time to say it
        self.ended: m.Done | None = None
        #: why it can't go on
        self.failed: NinelivesError | None = None
        #: how many entries say that something has come of what the session did
        self.progress = 0
        #: what a person decided is recorded
        self.decided = False
        #: until when, in unix seconds, the session waits and needs nothing of its process; None: it does not
        self.idle_until: float | None = None
        self._link = link
        self._terms = terms
        self._observer = observer
        self._rows: list[Row] | None = None
        #: what came with the last messages, to be recorded with the next one
        self._noted: list[Row] = []
        self._sinks: dict[int, BlobSink] = {}
        self._sources: dict[int, BlobSource] = {}
        #: what went wrong with something that was told: the answer to the next request
        self._broken: NinelivesError | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is said."""
        return self.state in OVER

    def handle(self, batch: Iterable[m.FromRunner]) -> Answers:
        """Take messages that belong together, and return the answers.

        Raises:
            ProtocolError: a message is in the wrong order, or the runner is not one to be let in.
        """
        answers: Answers = []
        with self._link.gate:
            try:
                for message in batch:
                    self._handle(message, answers)
            finally:
                self._record_noted()
        return answers

    def _handle(self, message: m.FromRunner, answers: Answers) -> None:
        kind = type(message)
        if TABLE[self.state].get(kind) is not self.state or kind is m.Waiting:
            self.state = after(self.state, message)
        if type(message) is m.Note and not message.lines:
            # A commit that comes with it takes it along.
            self._noted += message.rows
            return
        if type(message) is not m.Commit or message.puts:
            self._record_noted()
        if kind in m.ANSWERS:
            answers.append(self._answer(message))
        else:
            self._take(message)

    def _record_noted(self) -> None:
        if self._noted:
            self._take(m.Note(self._noted_rows()))

    def closed(self) -> None:
        """Take note that the connection has ended."""
        self.state = after(self.state, Closed())
        with self._link.gate:
            for sink in self._sinks.values():
                sink.abort()
            for number in list(self._sources):
                self._close_reading(number)
        self._sinks.clear()

    def _answer(self, request: Any) -> m.Message:
        try:
            if self._broken is not None:
                broken, self._broken = self._broken, None
                raise broken
            return _REQUESTS[type(request)](self, request)
        except ProtocolError:
            raise
        except NinelivesError as error:
            return m.Refused(type(error).__name__, str(error))

    def _take(self, told: Any) -> None:
        try:
            if self._broken is None or type(told) in _LAST:
                _TOLD[type(told)](self, told)
        except NinelivesError as error:
            self._broken = error

    # Requests.

    def _hello(self, hello: m.Hello) -> m.Message:
        if hello.version != m.VERSION:
            raise ProtocolError(
                f"the runner speaks version {hello.version} of the protocol, the worker {m.VERSION}: "
                "use the same version of ninelives on both sides"
            )
        if hello.session_id != self._link.session_id or not self._terms.tokens.redeem(hello.session_id, hello.token):
            raise WrongTokenError
        if hello.python != self._terms.python:
            raise PythonVersionError(
                f"session {self._link.session_id} needs Python {self._terms.python}, and its runner has {hello.python}"
            )
        self.marker = hello.marker
        return self._terms.welcome

    def _load(self, load: m.Load) -> m.Message:
        if self._rows is None:
            self._rows = list(self._link.load())
            self._count(self._rows)
        rows: list[Row] = []
        size = 0
        for row in self._rows if not load.after else _rows_after(self._rows, load.after):
            if size > _PIECE:
                return m.Rows(rows, more=True)
            rows.append(row)
            size += len(row[2])
        self._rows = []
        return m.Rows(rows)

    def _count_lines(self, _: m.CountLines) -> m.Message:
        return m.LineCounts(self._link.line_counts())

    def _begin(self, begin: m.Begin) -> m.Message:
        self._link.note(begin.rows)
        return _SAVED

    def _commit(self, commit: m.Commit) -> m.Message:
        rows = self._noted_rows() + commit.rows if self._noted else commit.rows
        done = self._link.commit(rows, commit.lines, puts=commit.puts, blobs=commit.blobs)
        if done:
            self._count(rows)
        return _SAVED if done else m.Saved(done=False)

    def _decide(self, _: m.Decide) -> m.Message:
        self._terms.decide()
        self.decided = True
        return _SAVED

    def _finish(self, finish: m.Finish) -> m.Message:
        error = finish.error
        explained: dict[str, str] | None = None
        if error:
            explained = self._terms.explain(json.loads(error))
            error = json.dumps(explained)
        self._link.finish(finish.rows, state=finish.state, result=finish.result, error=error)
        self.ended = m.Done(finish.state, int(finish.state != "completed"), finish.result, explained)
        return _SAVED

    def _finish_writing(self, finish: m.FinishWriting) -> m.Message:
        sink = self._sink(finish.sink)
        del self._sinks[finish.sink]
        return m.Written(sink.finish())

    def _read_piece(self, read: m.ReadPiece) -> m.Message:
        source = self._sources.get(read.source)
        if source is None:
            source = self._sources[read.source] = self._link.blob_source(read.sha256)
        return m.Piece(source.read(min(read.size, _PIECE)))

    def _get_value(self, get: m.GetValue) -> m.Message:
        found = self._link.get_value(get.key)
        return m.Found() if found is None else m.Found(*found)

    def _list_keys(self, _: m.ListKeys) -> m.Message:
        return m.Keys(self._link.value_keys())

    def _ping(self, _: m.Ping) -> m.Message:
        return m.Pong()

    # What is told.

    def _loaded(self, _: m.Loaded) -> None:
        self._observer.handler_loaded()

    def _note(self, note: m.Note) -> None:
        self._link.note(note.rows, note.lines)
        self._count(note.rows)

    def _waiting(self, waiting: m.Waiting) -> None:
        self._link.waiting(waiting.what)
        what = json.loads(waiting.what) if waiting.what else {}
        self.idle_until = None if what.get("keeps", True) else what.get("until")
        self._observer.waiting(str(what.get("for", "")), what.get("until"))

    def _write_piece(self, piece: m.WritePiece) -> None:
        self._sink(piece.sink).write(piece.data)

    def _drop_writing(self, drop: m.DropWriting) -> None:
        sink = self._sinks.pop(drop.sink, None)
        if sink is not None:
            sink.abort()

    def _close_reading_told(self, close: m.CloseReading) -> None:
        self._close_reading(close.source)

    def _show(self, show: m.Show) -> None:
        self._terms.show(show.stream, show.data)

    def _replaying(self, replaying: m.Replaying) -> None:
        self._observer.replaying(replaying.done, replaying.total)

    def _started(self, started: m.Started) -> None:
        self._observer.activity_started(started.name, started.n)

    def _finished(self, finished: m.Finished) -> None:
        self._observer.activity_finished(finished.done)

    def _done(self, done: m.Done) -> None:
        if done.done:
            self._observer.activity_finished(done.done)
        error = self._terms.explain(done.error) if done.error else None
        self.ended = m.Done(done.state, done.exit_code, done.result, error)

    def _failed(self, failed: m.Failed) -> None:
        self.failed = error_of(failed.kind, failed.text)

    # Help.

    def _sink(self, number: int) -> BlobSink:
        if number not in self._sinks:
            self._sinks[number] = self._link.blob_sink()
        return self._sinks[number]

    def _close_reading(self, number: int) -> None:
        source: Any = self._sources.pop(number, None)
        if source is not None:
            source.close()

    def _noted_rows(self) -> list[Row]:
        rows, self._noted = self._noted, []
        return rows

    def _count(self, rows: Sequence[Row]) -> None:
        for _, kind, _ in rows:
            if kind != STARTS:
                self.progress += 1


def _rows_after(rows: Sequence[Row], seq: int) -> Sequence[Row]:
    """Return the rows after one; they are sorted."""
    return rows[bisect_right(rows, seq, key=lambda row: row[0]) :]


_SAVED = m.Saved()

_REQUESTS: dict[type[Any], Callable[[Conversation, Any], m.Message]] = {
    m.Hello: Conversation._hello,
    m.Load: Conversation._load,
    m.CountLines: Conversation._count_lines,
    m.Begin: Conversation._begin,
    m.Commit: Conversation._commit,
    m.Decide: Conversation._decide,
    m.Finish: Conversation._finish,
    m.FinishWriting: Conversation._finish_writing,
    m.ReadPiece: Conversation._read_piece,
    m.GetValue: Conversation._get_value,
    m.ListKeys: Conversation._list_keys,
    m.Ping: Conversation._ping,
}

_TOLD: dict[type[Any], Callable[[Conversation, Any], None]] = {
    m.Loaded: Conversation._loaded,
    m.Note: Conversation._note,
    m.Waiting: Conversation._waiting,
    m.WritePiece: Conversation._write_piece,
    m.DropWriting: Conversation._drop_writing,
    m.CloseReading: Conversation._close_reading_told,
    m.Show: Conversation._show,
    m.Replaying: Conversation._replaying,
    m.Started: Conversation._started,
    m.Finished: Conversation._finished,
    m.Done: Conversation._done,
    m.Failed: Conversation._failed,
}

#: Told even after something went wrong.
_LAST = frozenset({m.Done, m.Failed, m.Show, m.DropWriting, m.CloseReading})
