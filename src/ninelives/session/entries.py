"""The entries of a journal, and how they are written: msgpack arrays, the first element names the kind.

A journal is append-only. An *operation* (activity, value, sleep, store) belongs to a lane and has a position there;
what an operation came to is an ``outcome`` entry that names the operation by lane and position. The order of the
outcomes is the order in which they were delivered, which is all the freedom a session has (`docs/replay-rules.md`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

#: Version of the entries below. A journal of a newer version is refused, an older one is read.
FORMAT = 1

#: An encoded value: raw bytes in the journal, or the digest of a blob outside of it.
Encoded = bytes


class Base(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """What every entry has."""

    #: unique and rising in its session, from 1
    seq: int
    #: unix time in seconds at which it was recorded
    at: float


class Start(Base, tag="start"):
    """The first entry: what is needed to run the handler again from the start."""

    format: int
    entry_point: str
    #: the event as plain data: event_type, event_id, integration_id, data
    event: dict[str, Any]
    #: seed of the session's random generators
    seed: int
    #: PYTHONHASHSEED of every process that runs the session
    hash_seed: int
    #: minor version of Python, "3.11"
    python: str
    #: the build it starts on
    build_id: str = ""
    #: variables of the program that are no secrets
    vars: dict[str, str] = {}
    #: names of those that are
    secret_vars: list[str] = []
    #: the event, rendered, if it has secrets in it
    shown: str = ""


class Activity(Base, tag="activity"):
    """One call to the outside: written before it starts, and again, with the next attempt, before it is tried again."""

    lane: str
    #: position among the operations of its lane, from 1
    n: int
    name: str
    #: digest of the arguments that are plain data; 0 when none is
    digest: int
    #: the arguments, rendered
    args: str
    #: file relative to the code, and line, of the call
    file: str
    line: int
    attempt: int = 1
    #: unix time in seconds before which this attempt does not start (back-off)
    not_before: float = 0.0
    #: how many attempts before this one failed (an attempt that was cut off has not failed)
    failures: int = 0
    #: why the last of them failed, rendered
    last_error: str = ""


class Value(Base, tag="value"):
    """A recorded reading of the clock or of entropy."""

    lane: str
    n: int
    name: str
    #: the encoded reading or exception; empty when it is in a blob
    data: Encoded
    ok: bool = True
    #: sha256 of the blob that holds it, hex; empty when it is in ``data``
    blob: str = ""
    #: the reading changed its arguments: the encoded value is the pair of the reading and the changes
    changed: bool = False
    #: file relative to the code, and line, of the call
    file: str = ""
    line: int = 0


class Sleep(Base, tag="sleep"):
    """A durable sleep; its outcome is delivered at or after ``until``."""

    lane: str
    n: int
    #: unix time in seconds
    until: float
    file: str
    line: int


class StoreCall(Base, tag="store"):
    """One call of a store function; its outcome is written in the same transaction as its effect."""

    lane: str
    n: int
    name: str
    digest: int
    args: str
    file: str
    line: int


class Outcome(Base, tag="outcome"):
    """What an operation came to: delivered to the program at this point of the journal."""

    lane: str
    n: int
    ok: bool
    #: the encoded result or exception; empty when it is in a blob
    data: Encoded = b""
    #: sha256 of the blob that holds it, hex; empty when it is in ``data``
    blob: str = ""
    #: the result or the exception, rendered
    shown: str = ""
    #: the call changed its arguments: the encoded value is the pair of the result and the changes
    changed: bool = False
    #: how long the operation took, in milliseconds
    duration_ms: float = 0.0
    #: the call returned an awaitable, and this is what awaiting it came to
    awaited: bool = False
    #: log lines that its lane had written before it was delivered
    lines: int = 0
    #: of a call on a database connection: a transaction is open after it
    in_transaction: bool | None = None
    #: of a call on a file: its position and size after it
    spot: tuple[int, int] | None = None
    #: of a call on a database connection: lane, position and number of the leaf that the connection is; zeros when no
    #: recorded call made it
    connection: tuple[str, int, int] | None = None
    #: of a call on a database cursor: what the cursor says of its last statement, encoded
    attributes: Encoded = b""
    #: it was delivered though lanes were ready, when they had let others run so many times since the last delivery
    rounds: int = 0
    #: of a call on a database connection: the open transaction has only read, and may be cut off
    only_read: bool = False
    #: what the call did to objects of the session that a task may wait for, encoded (`bridge`)
    bridged: Encoded = b""


class Forgotten(Base, tag="forgotten"):
    """A person's decision (``resume --retry-failed``, ``--with-code``): the entries from one on no longer count.

    They stay in the journal. An operation whose outcome no longer counts is tried again.
    """

    #: seq of the first entry that no longer counts
    forgets: int
    #: by lane, how many recorded log lines no longer count
    lines: dict[str, int] = {}


class End(Base, tag="end"):
    """The handler returned or raised."""

    state: str
    data: Encoded = b""
    blob: str = ""
    shown: str = ""
    error: dict[str, Any] | None = None


Entry = Start | Activity | Value | Sleep | StoreCall | Outcome | Forgotten | End
Operation = Activity | Value | Sleep | StoreCall

#: Code of the msgpack extension for an integer of more than 64 bits: its bytes, big-endian, two's complement.
_INTEGER = 1


def _extension(code: int, data: memoryview) -> int:
    if code != _INTEGER:
        raise msgspec.ValidationError(f"an extension of the unknown code {code}")
    return int.from_bytes(data, signed=True)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry, ext_hook=_extension)


def with_any_integers(data: Any) -> Any:
    """Return plain data as it can be encoded: msgpack has no integers of more than 64 bits, and JSON has."""
    if isinstance(data, dict):
        return {key: with_any_integers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [with_any_integers(value) for value in data]
    if isinstance(data, int) and not -(2**63) <= data < 2**64:
        return msgspec.msgpack.Ext(_INTEGER, data.to_bytes(data.bit_length() // 8 + 1, signed=True))
    return data


#: Returns an entry as bytes.
encode: Callable[[Entry], bytes] = _encoder.encode

#: Returns the entry that bytes hold; raises ``msgspec.MsgspecError`` when they are no entry of this version.
decode: Callable[[bytes], Entry] = _decoder.decode


def json_text(data: Any) -> str:
    """Return plain data as JSON."""
    return msgspec.json.encode(data).decode()


def from_json(text: str) -> Any:
    """Return what a JSON text holds; None for an empty one."""
    return msgspec.json.decode(text) if text else None
