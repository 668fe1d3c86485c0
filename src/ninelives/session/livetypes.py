"""The reviewed lists of live values that are not simply made again after a restart."""

from __future__ import annotations

#: Classes of live values that no call makes again as they were.
NOT_RESTORABLE = frozenset({"subprocess.Popen", "asyncio.subprocess.Process", "multiprocessing.context.Process"})

#: Classes of live values that have a state of their own once something was called on them.
WITH_STATE = frozenset(
    {
        "asyncio.StreamReader",
        "asyncio.StreamWriter",
        "bz2.BZ2File",
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
        "tempfile._TemporaryFileWrapper",
        "zipfile.ZipExtFile",
        "zipfile.ZipFile",
    }
)
