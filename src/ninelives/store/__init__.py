"""Where everything that outlives a process is kept: one folder with an SQLite database and files beside it.

The store keeps entries and values as bytes and never looks into them.
"""

from ninelives.store.blobs import Blobs, BlobWriter
from ninelives.store.builds import Builds
from ninelives.store.journal import Journal
from ninelives.store.records import Line, NewSession, Put, Row, SessionRow, SessionUpdate
from ninelives.store.store import Store

__all__ = [
    "BlobWriter",
    "Blobs",
    "Builds",
    "Journal",
    "Line",
    "NewSession",
    "Put",
    "Row",
    "SessionRow",
    "SessionUpdate",
    "Store",
]
