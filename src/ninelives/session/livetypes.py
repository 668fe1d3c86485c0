"""The reviewed lists of live values that are not simply made again after a restart."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from ninelives.code.naming import class_name
from ninelives.session import drivers

#: Classes of live values that no call makes again as they were.
NOT_RESTORABLE = frozenset(
    {
        "asyncio.subprocess.Process",
        "mmap.mmap",
        "multiprocessing.context.ForkProcess",
        "multiprocessing.context.ForkServerProcess",
        "multiprocessing.context.Process",
        "multiprocessing.context.SpawnProcess",
        "multiprocessing.managers.SyncManager",
        "multiprocessing.pool.ApplyResult",
        "multiprocessing.pool.IMapIterator",
        "multiprocessing.pool.IMapUnorderedIterator",
        "multiprocessing.pool.MapResult",
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
        "os.posix_openpt",
        "os.timerfd_create",
        "pty.openpty",
        "tempfile.mkstemp",
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
        "dbm.dumb._Database",
        "dbm.sqlite3._Database",
        "gzip.GzipFile",
        "http.client.HTTPConnection",
        "http.client.HTTPResponse",
        "http.client.HTTPSConnection",
        "lzma.LZMAFile",
        "multiprocessing.connection.Connection",
        "multiprocessing.queues.JoinableQueue",
        "multiprocessing.queues.Queue",
        "multiprocessing.queues.SimpleQueue",
        "select.epoll",
        "selectors.EpollSelector",
        "selectors.PollSelector",
        "selectors.SelectSelector",
        "shelve.DbfilenameShelf",
        "socket.socket",
        "sqlite3.Blob",
        "sqlite3.Cursor",
        "ssl.SSLSocket",
        "tarfile.TarFile",
        "tempfile.SpooledTemporaryFile",
        "zipfile.ZipExtFile",
        "telnetlib.Telnet",
        "websocket._core.WebSocket",
        "websockets.asyncio.client.ClientConnection",
        "websockets.legacy.client.WebSocketClientProtocol",
        "websockets.sync.client.ClientConnection",
        "zipfile.ZipFile",
    }
)


class Again(NamedTuple):
    """What is done to values of a class after they were made again; calls that are not named leave no state."""

    #: calls that set them up, repeated in their order with the arguments they had
    setup: frozenset[str]
    #: calls after which they can't be made again as they were
    breaks: frozenset[str] = frozenset()
    #: calls that end what was set up
    ends: frozenset[str] = frozenset()
    #: attributes that say what the last call gave: not the same on a value that was made again
    results: frozenset[str] = frozenset()
    #: calls that leave a setting behind, and the call that sets just that
    leaves: tuple[tuple[str, tuple[str, str]], ...] = ()


def _again(setup: str, *, breaks: str = "", ends: str = "", results: str = "") -> Again:
    return Again(_names(setup), _names(breaks), _names(ends), _names(results))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FTP = _again(
    "connect login cwd set_pasv auth prot_p prot_c set_debuglevel",
    # A raw command may be any; the others give a socket in the middle of a transfer.
    breaks="sendcmd voidcmd putcmd putline transfercmd ntransfercmd abort",
    ends="quit close",
    results="lastresp",
)
# In which form files are sent is a setting of the connection, and `size` depends on it.
_FTP = _FTP._replace(
    leaves=(
        *((name, ("voidcmd", "TYPE I")) for name in ("retrbinary", "storbinary")),
        *((name, ("voidcmd", "TYPE A")) for name in ("dir", "mlsd", "nlst", "retrlines", "storlines")),
    )
)
_IMAP = _again(
    "login login_cram_md5 authenticate starttls enable select open proxyauth",
    breaks="idle xatom send",
    ends="logout shutdown",
    results="untagged_responses response",
)
# Messages that were marked are deleted at `quit` only: a connection that died has deleted none.
_POP = _again("user pass_ apop rpop stls utf8 set_debuglevel", breaks="dele", ends="quit close rset")
_SMTP = _again(
    "connect ehlo helo ehlo_or_helo_if_needed starttls login auth set_debuglevel",
    # The parts of a message, one by one.
    breaks="mail rcpt data docmd putcmd send",
    ends="quit close",
    results="ehlo_resp helo_resp",
)

#: Set-up calls by class of live value.
AGAIN = {
    "ftplib.FTP": _FTP,
    "ftplib.FTP_TLS": _FTP,
    "imaplib.IMAP4": _IMAP,
    "imaplib.IMAP4_SSL": _IMAP,
    "imaplib.IMAP4_stream": _IMAP,
    "ldap3.core.connection.Connection": _again(
        "open start_tls bind rebind",
        ends="unbind",
        results="entries last_error request response result",
    ),
    "paramiko.client.SSHClient": _again(
        "set_missing_host_key_policy load_system_host_keys load_host_keys set_log_channel connect", ends="close"
    ),
    "paramiko.sftp_client.SFTPClient": _again("chdir", ends="close"),
    "poplib.POP3": _POP,
    "poplib.POP3_SSL": _POP,
    "smtplib.LMTP": _SMTP,
    "smtplib.SMTP": _SMTP,
    "smtplib.SMTP_SSL": _SMTP,
}

#: The same for every connection of a database driver; statements that set one up are in `drivers`.
CONNECTION = _again(
    "add_listener add_log_listener add_notice_handler add_notify_handler add_output_converter autocommit "
    "create_aggregate create_collation create_function create_window_function enable_load_extension load_extension "
    "select_db set_authorizer set_autocommit set_builtin_type_codec set_character_set set_charset set_client_encoding "
    "set_deferrable set_isolation_level set_progress_handler set_read_only set_session set_trace_callback "
    "set_type_codec setconfig setdecoding setencoding setlimit",
    ends="close terminate",
)


def again(cls: type | None, name: str) -> Again | None:
    """Return what is done to values of a class after they were made again; None for one that is not listed.

    Args:
        cls: the class, if it can be imported.
        name: its dotted name.
    """
    found = AGAIN.get(name)
    return CONNECTION if found is None and drivers.role(cls) == "connection" else found


#: Classes whose subclasses are live as well, though pickle takes them: they are made by what is not restorable.
_BASES = frozenset({"multiprocessing.managers.BaseProxy"})

_listed: dict[type, bool] = {}


def is_listed(cls: type) -> bool:
    """Return whether values of a class are live, also while they could be saved: before they are connected, say."""
    found = _listed.get(cls)
    if found is None:
        name = class_name(cls)
        listed = name in AGAIN or name in WITH_STATE or name in NOT_RESTORABLE
        found = _listed[cls] = listed or any(class_name(base) in _BASES for base in cls.__mro__[1:-1])
    return found


def is_importable(cls: type) -> bool:
    """Return whether a class is found under its own name."""
    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls
