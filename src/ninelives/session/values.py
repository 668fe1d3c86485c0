"""Values on their way to the journal and back. What user code gets is what replay gives: the decoded copy, always.

Plain pickle comes first, with exceptions taken apart (`exceptions`). What it can't save goes through cloudpickle,
which knows closures, lambdas and local classes; there an outside object that can't be saved becomes a *live leaf*
(`live`), and everything around it is saved as usual. An object that the session already has (an argument, an earlier
live value) is saved as a reference and stays that object.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec

from ninelives.code.naming import class_name
from ninelives.session import exceptions, parts, sentinels
from ninelives.session.link import BlobSink, Link
from ninelives.session.live import Leaf, LiveValues
from ninelives.session.livetypes import is_listed
from ninelives.session.objects import Name, find, known
from ninelives.session.render import ATOMS
from ninelives.session.standins import Held

#: Larger values are compressed and stored outside the journal.
BLOB_FROM = 256 * 1024

#: First byte of an encoding with references, which needs the session to decode it; a plain pickle starts with b"\\x80".
WITH_REFERENCES = b"R"

Key = tuple[str, int]


class Encoded(msgspec.Struct, gc=False):
    """An encoded value, here or in a blob, and what user code gets of it."""

    data: bytes
    blob: str
    value: Any
    #: the names of the classes of its live leaves
    leaves: list[str]


class Values:
    """Encodes and decodes the values of one session.

    Args:
        link: where large values go.
        live: the session's live values.
        user_class: whether a class is defined in user code.
        own_frame: whether a file is ours.
    """

    def __init__(
        self, link: Link, live: LiveValues, user_class: Callable[[type], bool], own_frame: Callable[[str], bool]
    ) -> None:
        self.link = link
        self.live = live
        self.user_class = user_class
        self.own_frame = own_frame

    def encode(self, key: Key, value: Any, known: Mapping[int, Name], objects: Sequence[Any]) -> Encoded:
        """Encode a result and decode it again.

        Args:
            key: lane and position of the operation it is the result of.
            value: any object.
            known: index in ``objects`` by ``id``, of what the session already has.
            objects: the objects themselves.
        """
        cls = type(value)
        if cls in ATOMS:
            # Immutable: user code gets the value itself.
            if (cls is str or cls is bytes) and len(value) > BLOB_FROM // 4:
                data, blob = self._dump(_Encoder, key, value, {})
                return Encoded(data, blob, value, [])
            return Encoded(pickle.dumps(value, 5), "", value, [])
        try:
            encoder = _Encoder if not known else _KnownEncoder
            data, blob = self._dump(encoder, key, value, known)
            return Encoded(data, blob, self.decode(data, blob, objects), [])
        except Exception:  # noqa: BLE001 - user classes may raise anything while they are pickled: then the careful way is taken
            return self._encode_carefully(key, value, known, objects)

    def decode(self, data: bytes, blob: str, objects: Sequence[Any]) -> Any:
        """Return the value that `encode` gave, with references to ``objects``."""
        if data[:1] == b"\x80":
            return pickle.loads(data)
        if blob:
            source: Any = self.link.blob_source(blob)
        else:
            source = io.BytesIO(data)
            source.seek(1)
        return _Decoder(source, self.live, objects).load()

    def pack(self, value: Any) -> bytes | None:
        """Return a value as bytes that any session of the project can read; None if it can't be saved whole."""
        try:
            if type(value) in ATOMS:
                return pickle.dumps(value, 5)
            sink = io.BytesIO()
            _Encoder(sink, self, {}).dump(value)
            return sink.getvalue()
        except Exception:  # noqa: BLE001 - user classes may raise anything while they are pickled
            from ninelives.session.careful import packed

            return packed(value)

    def unpack(self, data: bytes) -> Any:
        """Return the value that `pack` gave."""
        return pickle.loads(data)

    def leaves(self, key: Key, value: Any, known: Mapping[int, Name]) -> list[Any]:
        """Return the live leaves of a value in the order in which `encode` numbers them."""
        encoder = self._careful(io.BytesIO(), key, known)
        try:
            encoder.dump(value)
        except Exception:  # noqa: BLE001 - as in `_encode_carefully`: all of it is live
            return [value]
        found: list[Any] = encoder.found
        return found

    def _encode_carefully(self, key: Key, value: Any, known: Mapping[int, Name], objects: Sequence[Any]) -> Encoded:
        sink = _Sink(self.link, WITH_REFERENCES)
        encoder = self._careful(sink, key, known)
        try:
            encoder.dump(value)
            leaves = encoder.found
        except Exception:  # noqa: BLE001 - not even around its leaves (nested too deep, or a user's __reduce__ raises): all of it is live
            sink.abort()
            sink, leaves = _Sink(self.link, WITH_REFERENCES), [value]
            _RootLeaf(sink, self.live.pid(key, 0, value)).dump(value)
        self.live.record(key, leaves)
        data, blob = sink.finish()
        names = [class_name(type(leaf)) for leaf in leaves]
        return Encoded(data, blob, self.decode(data, blob, objects), names)

    def _dump(self, encoder: type[_Encoder], key: Key, value: Any, known: Mapping[int, Name]) -> tuple[bytes, str]:
        sink = _Sink(self.link, WITH_REFERENCES if known else b"")
        try:
            encoder(sink, self, known).dump(value)
        except BaseException:
            sink.abort()
            raise
        return sink.finish()

    def _careful(self, sink: Any, key: Key, known: Mapping[int, Name]) -> Any:
        from ninelives.session.careful import CarefulEncoder

        return CarefulEncoder(sink, self, key, known)


class _Encoder(pickle.Pickler):
    """Plain pickle, but for exceptions."""

    def __init__(self, sink: Any, values: Values, known: Mapping[int, Name]) -> None:
        super().__init__(sink, 5)
        self.values = values
        self.known = known

    def reducer_override(self, obj: Any) -> Any:
        return reduced(obj, self.values)


def reduced(obj: Any, values: Values) -> Any:
    """Return how an object is pickled, where pickle's own way would not do; `NotImplemented` where it does.

    Raises:
        pickle.PicklingError: a copy of it must not be made.
    """
    cls = type(obj)
    if issubclass(cls, BaseException):
        return exceptions.reduce(obj, values.own_frame)
    if isinstance(obj, type):
        return NotImplemented
    if is_listed(cls) or cls is Held:
        raise pickle.PicklingError(f"a {class_name(cls)} is live")
    if parts.is_unread(obj, cls):
        raise pickle.PicklingError(f"a {class_name(cls)} was not read to its end")
    if sentinels.ends_something(obj, cls) and not values.user_class(cls):
        raise pickle.PicklingError(f"the end of a {class_name(cls)} does something")
    if cls.__module__ == "sqlite3" and cls.__name__ == "Row":
        return row_of, (tuple(obj.keys()), tuple(obj))
    if cls.__name__ == "Record" and cls.__module__.startswith("asyncpg.") and len(set(obj.keys())) == len(obj):
        return record_of, (tuple(obj.keys()), tuple(obj.values()))
    place = sentinels.place_of(obj, cls)
    return NotImplemented if place is None else (sentinels.at, place)


def row_of(names: tuple[str, ...], items: tuple[Any, ...]) -> Any:
    """Return a `sqlite3.Row`: only a query makes one."""
    import sqlite3

    with closing(sqlite3.connect(":memory:")) as db:
        db.row_factory = sqlite3.Row
        columns = ", ".join('? as "' + name.replace('"', '""') + '"' for name in names)
        return db.execute(f"select {columns}", items).fetchone()


def record_of(names: tuple[str, ...], items: tuple[Any, ...]) -> Any:
    """Return an `asyncpg.Record`."""
    import importlib

    make = importlib.import_module("asyncpg.protocol.protocol")._create_record
    return make({name: at for at, name in enumerate(names)}, items)


class _KnownEncoder(_Encoder):
    """The same, with references to what the session already has."""

    def persistent_id(self, obj: Any) -> Any:
        index = self.known.get(id(obj))
        return None if index is None else known(index, obj)


class _RootLeaf(pickle.Pickler):
    """Encodes a value that is one live leaf."""

    def __init__(self, sink: Any, pid: Leaf) -> None:
        super().__init__(sink, 5)
        self.pid: Leaf | None = pid

    def persistent_id(self, _: Any) -> Any:
        pid, self.pid = self.pid, None
        return pid


class _Decoder(pickle.Unpickler):
    """Finds references again."""

    def __init__(self, source: Any, live: LiveValues, objects: Sequence[Any]) -> None:
        super().__init__(source)
        self.live = live
        self.objects = objects

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] != "known":
            return self.live.get(pid)
        return find(self.objects, *pid[1:])


class _Sink:
    """Collects an encoding; past the size of a journal's values it goes on into a blob, piece by piece."""

    def __init__(self, link: Link, marker: bytes) -> None:
        self.link = link
        self.marker = marker
        self.parts: list[bytes] = []
        self.size = 0
        self.blob: BlobSink | None = None

    def write(self, data: Any) -> int:
        size = len(data)
        if self.blob is None and self.size + size > BLOB_FROM:
            self.blob = self.link.blob_sink()
            for part in self.parts:
                self.blob.write(part)
            self.parts.clear()
        if self.blob is not None:
            return self.blob.write(data)
        self.parts.append(bytes(data))
        self.size += size
        return size

    def finish(self) -> tuple[bytes, str]:
        if self.blob is not None:
            return b"", self.blob.finish()
        return self.marker + b"".join(self.parts), ""

    def abort(self) -> None:
        if self.blob is not None:
            self.blob.abort()
