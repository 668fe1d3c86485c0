"""Small real servers, each on a port of its own, that write down what is said to them."""

from __future__ import annotations

import logging
import os
import socket
import socketserver
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from outside import certificates

USER, PASSWORD = "ann", "pass-4711-word"

#: What was said to the servers of a test, in order.
Said = list[str]


@contextmanager
def tls(port: int, folder: Path) -> Iterator[tuple[int, Path]]:
    """TLS in front of another server: the port, and the certificate."""
    certificate, context = certificates.make(folder)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # The first client is killed in the middle.
            with (
                suppress(OSError),
                socket.create_connection(("127.0.0.1", port)) as behind,
                context.wrap_socket(self.request, server_side=True) as client,
            ):
                answers = threading.Thread(target=_copy, args=(behind, client))
                answers.start()
                _copy(client, behind)
                answers.join()

    with _serving(Handler) as in_front:  # type: ignore[arg-type]
        yield in_front, certificate


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(4096):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def smtp(said: Said, *, local: bool = False) -> Iterator[int]:
    """A mail server that wants a login; a local one speaks LMTP."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.lmtp import LMTP
    from aiosmtpd.smtp import AuthResult

    class Handler:
        async def handle_EHLO(self, server: Any, session: Any, envelope: Any, name: str, answers: list[str]) -> Any:
            said.append("ehlo")
            session.host_name = name
            return answers

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            said.append(f"mail to {envelope.rcpt_tos[0]} by {session.auth_data.decode()}")
            return "250 OK"

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        said.append("login")
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=right, auth_data=data.login)

    class OnAnyPort(Controller):
        def _trigger_server(self) -> None:
            # It asks its own port to see that it is there: the one that it was given.
            self.port = self.server.sockets[0].getsockname()[1]
            super()._trigger_server()

        def factory(self) -> Any:
            return LMTP(self.handler, **self.SMTP_kwargs) if local else super().factory()

    controller = OnAnyPort(
        Handler(),
        hostname="127.0.0.1",
        port=0,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN", "CRAM-MD5"],
    )
    with warnings.catch_warnings():
        # There is no TLS, and for each connection it says that there should be.
        warnings.simplefilter("ignore")
        controller.start()
        try:
            yield controller.port
        finally:
            controller.stop()


@contextmanager
def ftp(said: Said, folder: Path) -> Iterator[int]:
    """A server of files, with a login."""
    with warnings.catch_warnings():
        # Of modules that it uses.
        warnings.simplefilter("ignore", DeprecationWarning)
        from pyftpdlib.authorizers import DummyAuthorizer
        from pyftpdlib.handlers import FTPHandler
        from pyftpdlib.servers import FTPServer

    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")

    class Handler(FTPHandler):
        def on_login(self, username: str) -> None:
            said.append("login")

        def pre_process_command(self, line: str, command: str, argument: str) -> None:
            if command in ("CWD", "STOR", "NLST"):
                said.append(f"{command} {argument}".strip())
            super().pre_process_command(line, command, argument)

    Handler.authorizer = authorizer
    logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
    server = FTPServer(("127.0.0.1", 0), Handler)
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            server.serve_forever(timeout=0.05, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.address[1]
    finally:
        stopping.set()
        thread.join()


class _Lines(socketserver.StreamRequestHandler):
    """A server that reads lines and answers them."""

    greeting = b""

    def handle(self) -> None:
        self.state = ""
        self.wfile.write(self.greeting)
        for line in self.rfile:
            answer = self.answer(line.decode().strip())
            self.wfile.write(answer.encode())
            if answer.startswith(("* BYE", "+OK bye")):
                return

    def answer(self, line: str) -> str:
        raise NotImplementedError


@contextmanager
def _serving(handler: type[_Lines]) -> Iterator[int]:
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def imap(said: Said) -> Iterator[int]:
    """A mailbox: a login, a folder, a search."""

    class Handler(_Lines):
        greeting = b"* OK ready\r\n"

        def answer(self, line: str) -> str:
            tag, command, *rest = line.split(" ")
            ok = f"{tag} OK done\r\n"
            if command == "CAPABILITY":
                return f"* CAPABILITY IMAP4REV1\r\n{ok}"
            said.append(" ".join(part for part in (command, *rest) if PASSWORD not in part))
            if command == "LOGIN":
                self.state = "in" if PASSWORD in line else ""
                return ok if self.state else f"{tag} NO\r\n"
            if command == "SELECT" and self.state:
                self.state = rest[0]
                return f"* 3 EXISTS\r\n{ok}"
            if command == "SEARCH" and self.state == "Reports":
                return f"* SEARCH 1 3\r\n{ok}"
            if command == "LOGOUT":
                return f"* BYE\r\n{ok}"
            return f"{tag} BAD in {self.state or 'nothing'}\r\n"

    with _serving(Handler) as port:
        yield port


@contextmanager
def pop(said: Said) -> Iterator[int]:
    """A mailbox of the older kind."""

    class Handler(_Lines):
        greeting = b"+OK ready\r\n"

        def answer(self, line: str) -> str:
            command, *rest = line.split(" ")
            said.append(command)
            if command == "USER":
                return "+OK\r\n"
            if command == "PASS":
                self.state = "in" if rest == [PASSWORD] else ""
                return "+OK\r\n" if self.state else "-ERR\r\n"
            if command == "STAT" and self.state:
                return "+OK 2 320\r\n"
            if command == "DELE" and self.state:
                return "+OK\r\n"
            if command == "QUIT":
                return "+OK bye\r\n"
            return "-ERR\r\n"

    with _serving(Handler) as port:
        yield port


@contextmanager
def ssh(said: Said) -> Iterator[int]:
    """A server that says back what it is told to do, and has one folder with one file."""
    import paramiko

    key = paramiko.ECDSAKey.generate()

    class Interface(paramiko.ServerInterface):
        def check_auth_password(self, username: str, password: str) -> int:
            said.append("login")
            return paramiko.AUTH_SUCCESSFUL if password == PASSWORD else paramiko.AUTH_FAILED

        def check_channel_request(self, kind: str, number: int) -> int:
            return paramiko.OPEN_SUCCEEDED

        def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
            said.append(command.decode())
            threading.Thread(target=_answer, args=(channel, command)).start()
            return True

    def _answer(channel: Any, command: bytes) -> None:
        # It comes to its end only after the client knows that it has begun.
        channel.sendall(command.upper() + channel.makefile("rb").read())
        channel.send_exit_status(0)
        channel.close()

    class Files(paramiko.SFTPServerInterface):
        def stat(self, path: str) -> Any:
            said.append(f"stat {path}")
            found = paramiko.SFTPAttributes()
            found.st_mode = stat.S_IFDIR | 0o755
            return found

        def list_folder(self, path: str) -> Any:
            said.append(f"list {path}")
            found = paramiko.SFTPAttributes()
            found.filename = f"in{path.replace('/', '-')}"
            return [found]

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            transport = paramiko.Transport(self.request)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            # The first client is killed in the middle.
            with suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=Interface())
                transport.join()

    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    with _serving(Handler) as port:  # type: ignore[arg-type]
        yield port


def environment() -> dict[str, str]:
    """Return the variables that programs take their user and password from."""
    return {"MAIL_USER": USER, "MAIL_PASSWORD": PASSWORD, "PATH": os.environ["PATH"]}
