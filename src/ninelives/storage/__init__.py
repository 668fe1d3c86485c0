"""Where everything that outlives a process is kept: one folder with an SQLite database and files beside it.

The store keeps entries and values as bytes and never looks into them.
"""

from ninelives.storage.blobs import Blobs, BlobWriter
from ninelives.storage.builds import Builds
from ninelives.storage.journal import Journal
from ninelives.storage.records import STARTS, Line, NewSession, Put, Row, SessionRow, SessionUpdate
from ninelives.storage.store import Store

__all__ = [
    "STARTS",
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
