"""The messages between a runner and its worker, version 1.

Each is a msgpack array whose first element names it. What a runner sends is either a *request*, which is answered by
one message (`ANSWERS`), or it is *told*: nothing comes back, and what goes wrong with it is the answer to the next
request.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ninelives.session.link import Line, Put, Row

#: Both sides say it; they go on only when it is the same.
VERSION = 1


class Message(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """What every message is."""


# From the runner.


class Hello(Message, tag="hello"):
    """The first message; answered by `Welcome`."""

    version: int
    #: given to the runner by who started it; good for one runner and one session
    token: bytes
    session_id: str
    #: minor version of Python, "3.11"
    python: str
    #: what its children carry (`ninelives.processes`), so that they can be found
    marker: str = ""


class Load(Message, tag="load"):
    """Asks for the journal's entries after one, as many as go into a piece; answered by `Rows`."""

    #: seq; 0: from the first
    after: int = 0


class CountLines(Message, tag="count_lines"):
    """Asks how many log lines each lane has recorded; answered by `LineCounts`."""


class Loaded(Message, tag="loaded"):
    """Told: the user's modules are loaded and the handler was found; it is called now."""


class Note(Message, tag="note"):
    """Told: to be recorded; it rides to disk with the next commit."""

    rows: list[Row]
    lines: list[Line] = []


class Begin(Message, tag="begin"):
    """An activity starts: recorded before it does, so it is answered, by `Saved`; not on disk yet."""

    rows: list[Row]


class Commit(Message, tag="commit"):
    """To be put on disk with all that was noted; answered by `Saved` when it is there."""

    rows: list[Row]
    lines: list[Line] = []
    puts: list[Put] = []
    #: sha256 of the large values that the rows refer to, hex
    blobs: list[str] = []


class Decide(Message, tag="decide"):
    """What a person decided is to be recorded: the session really goes on; answered by `Saved`."""


class Finish(Message, tag="finish"):
    """The end of the session, to be put on disk; answered by `Saved`."""

    rows: list[Row]
    #: completed or error
    state: str
    #: rendered
    result: str = ""
    #: as JSON
    error: str = ""


class Waiting(Message, tag="waiting"):
    """Told: what the session waits for from now on, as JSON (for, until); empty: it goes on."""

    what: str = ""


class WritePiece(Message, tag="write_piece"):
    """Told: the next piece of a large value."""

    #: number that the runner gives each large value it writes
    sink: int
    data: bytes


class FinishWriting(Message, tag="finish_writing"):
    """The large value is whole; answered by `Written`."""

    sink: int


class DropWriting(Message, tag="drop_writing"):
    """Told: the large value is not needed after all."""

    sink: int


class ReadPiece(Message, tag="read_piece"):
    """Asks for the next bytes of a large value; answered by `Piece`."""

    #: number that the runner gives each reading
    source: int
    #: of the value, hex
    sha256: str
    #: the most bytes to answer with
    size: int


class CloseReading(Message, tag="close_reading"):
    """Told: the rest of the large value is not needed."""

    source: int


class GetValue(Message, tag="get_value"):
    """Asks for a value of the project's store; answered by `Found`."""

    key: str


class ListKeys(Message, tag="list_keys"):
    """Asks for the keys of the project's store; answered by `Keys`."""


class Show(Message, tag="show"):
    """Told: what the program prints, for whoever looks on; the session's log has it by `Note` or `Commit`."""

    #: stdout or stderr
    stream: str
    data: bytes


class Replaying(Message, tag="replaying"):
    """Told: how many of the recorded outcomes were given to the program again."""

    done: int
    total: int


class Started(Message, tag="started"):
    """Told: an activity starts; comes with its `Begin`."""

    name: str
    #: position among the operations of its lane
    n: int


class Finished(Message, tag="finished"):
    """Told: an activity finished; so many have, recorded ones included."""

    done: int


class Ping(Message, tag="ping"):
    """Asks whether the worker is there and wants the session; answered by `Pong`."""


class Done(Message, tag="done"):
    """Told, last: the handler returned or raised, and that is recorded."""

    state: str
    exit_code: int
    #: rendered
    result: str
    #: type, message, traceback with its frames
    error: dict[str, str] | None
    #: how many activities are done, recorded ones included
    done: int = 0


class Failed(Message, tag="failed"):
    """Told, last: the session can't go on."""

    #: name of a class in `ninelives.errors`
    kind: str
    text: str


# From the worker.


class Welcome(Message, tag="welcome"):
    """Answers `Hello`: what to run, and how."""

    version: int
    #: the code directory, as the runner sees it
    code_dir: str
    #: working directory
    cwd: str
    #: become the environment
    vars: dict[str, str] = {}
    #: values that are shown nowhere
    secrets: list[str] = []
    #: folder of rewritten code, as the runner sees it; empty: none is kept
    cache: str = ""
    #: where the code was when the session started, if that is somewhere else
    former_dir: str = ""
    #: the code was repaired since the journal was written
    repaired: bool = False
    #: another process had the session before
    resumed: bool = False
    #: a person has seen that a call which was cut off may be made again
    retry_interrupted: bool = False
    #: what the project adds to the rules: kinds by dotted name
    rules: dict[str, str] = {}
    #: a person's decision that is not recorded yet: an encoded ``forgotten`` entry
    forgotten: bytes = b""
    #: there is something to `Decide`
    undecided: bool = False
    #: somebody looks on: `Replaying`, `Started` and `Finished` are wanted
    watched: bool = False
    #: those of stdout, stderr that are a terminal
    terminals: list[str] = []


class Rows(Message, tag="rows"):
    """Answers `Load`."""

    rows: list[Row]
    #: there are more after the last
    more: bool = False


class LineCounts(Message, tag="line_counts"):
    """Answers `CountLines`."""

    counts: dict[str, int]


class Saved(Message, tag="saved"):
    """Answers `Begin`, `Commit`, `Decide` and `Finish`: it is recorded."""

    #: False: a value of the store has another version, and nothing of the commit is recorded
    done: bool = True


class Written(Message, tag="written"):
    """Answers `FinishWriting`: the large value is on disk."""

    sha256: str


class Piece(Message, tag="piece"):
    """Answers `ReadPiece`; no bytes: the value ends here."""

    data: bytes


class Found(Message, tag="found"):
    """Answers `GetValue`."""

    #: the encoded value; None: there is none
    data: bytes | None = None
    version: int = 0


class Keys(Message, tag="keys"):
    """Answers `ListKeys`: sorted."""

    keys: list[str]


class Pong(Message, tag="pong"):
    """Answers `Ping`."""


class Refused(Message, tag="refused"):
    """Answers any request that can't be done, or a `Hello` that is no good."""

    #: name of a class in `ninelives.errors`
    kind: str
    text: str


FromRunner = (
    Hello
    | Load
    | CountLines
    | Loaded
    | Note
    | Begin
    | Commit
    | Decide
    | Finish
    | Waiting
    | WritePiece
    | FinishWriting
    | DropWriting
    | ReadPiece
    | CloseReading
    | GetValue
    | ListKeys
    | Show
    | Replaying
    | Started
    | Finished
    | Ping
    | Done
    | Failed
)
FromWorker = Welcome | Rows | LineCounts | Saved | Written | Piece | Found | Keys | Pong | Refused

#: Requests, and what answers them; `Refused` may answer each. All other messages of a runner are told.
ANSWERS: dict[type[Any], type[Any]] = {
    Hello: Welcome,
    Load: Rows,
    CountLines: LineCounts,
    Begin: Saved,
    Commit: Saved,
    Decide: Saved,
    Finish: Saved,
    FinishWriting: Written,
    ReadPiece: Piece,
    GetValue: Found,
    ListKeys: Keys,
    Ping: Pong,
}
