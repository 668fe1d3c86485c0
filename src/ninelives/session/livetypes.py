"""The reviewed lists of live values that are not simply made again after a restart."""

from __future__ import annotations

#: Classes of live values that no call makes again as they were.
NOT_RESTORABLE = frozenset(
    {
        "asyncio.subprocess.Process",
        "mmap.mmap",
        "multiprocessing.context.Process",
        "subprocess.Popen",
        "tempfile._TemporaryFileWrapper",
    }
)

#: Classes of files: made again as they were only if ``open`` opened them.
FILES = frozenset(
    {
        "io.BufferedRandom",
        "io.BufferedReader",
        "io.BufferedWriter",
        "io.BufferedRWPair",
        "io.FileIO",
        "io.TextIOWrapper",
    }
)

#: Functions that give file descriptors: numbers that mean nothing in another process.
DESCRIPTORS = frozenset(
    {
        "os.dup",
        "os.dup2",
        "os.eventfd",
        "os.memfd_create",
        "os.open",
        "os.openpty",
        "os.pidfd_open",
        "os.pipe",
        "os.pipe2",
    }
)

#: Classes of live values that have a state of their own once something was called on them.
WITH_STATE = frozenset(
    {
        "asyncio.StreamReader",
        "asyncio.StreamWriter",
        "bz2.BZ2File",
        "codecs.StreamReaderWriter",
        "codecs.StreamRecoder",
        "ftplib.FTP",
        "ftplib.FTP_TLS",
        "gzip.GzipFile",
        "http.client.HTTPConnection",
        "http.client.HTTPResponse",
        "http.client.HTTPSConnection",
        "imaplib.IMAP4",
        "imaplib.IMAP4_SSL",
        "logging.FileHandler",
        "logging.handlers.RotatingFileHandler",
        "logging.handlers.TimedRotatingFileHandler",
        "lzma.LZMAFile",
        "poplib.POP3",
        "poplib.POP3_SSL",
        "shelve.DbfilenameShelf",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "socket.socket",
        "sqlite3.Blob",
        "sqlite3.Cursor",
        "ssl.SSLSocket",
        "tarfile.TarFile",
        "tempfile.SpooledTemporaryFile",
        "zipfile.ZipExtFile",
        "zipfile.ZipFile",
    }
)
