"""Live values with a state: after a restart they are made again and set up as they were, when they are next used."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
from cli import servers

DIES_ONCE = """
import os
import signal

def die_once(name="go"):
    if not os.path.exists(name):
        open(name, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def dying(tmp_path_factory, monkeypatch) -> None:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "dying.py").write_text(DIES_ONCE)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture
def disturbed(cli, program) -> Callable:
    """Return a function that runs a program which dies once, and goes on with it."""

    def run(text: str, port: int, said: list[str], code: int = 0):
        program(text)
        vars = ("--var", "MAIL_PASSWORD")
        environment = {"MAIL_PASSWORD": servers.PASSWORD}
        data = json.dumps({"port": port})
        first = cli("run", "app.py:handler", "--session", "s", "--data", data, *vars, **environment)
        assert first.code == -9, first.err
        said.append("-")
        resumed = cli("resume", "s", **environment)
        assert resumed.code == code, resumed.err
        kept = [cli("sessions", what, "s", "--json").out for what in ("logs", "journal", "show")]
        assert servers.PASSWORD not in "".join([first.out, first.err, resumed.out, resumed.err, *kept])
        return resumed

    return run


SMTP = """
    import os
    import smtplib
    from email.message import EmailMessage
    from dying import die_once

    def mail(to):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "ann@example.org", to, "hello"
        message.set_content("text")
        return message

    def handler(event):
        smtp = smtplib.SMTP("127.0.0.1", event.data.port)
        smtp.ehlo()
        smtp.login("ann", os.environ["MAIL_PASSWORD"])
        smtp.send_message(mail("one@example.org"))
        die_once()
        print("again")
        smtp.send_message(mail("two@example.org"))
        smtp.quit()
"""


def test_smtp(disturbed) -> None:
    said: list[str] = []
    with servers.smtp(said) as port:
        disturbed(SMTP, port, said)
    assert said == [
        "ehlo", "login", "mail to one@example.org by ann", "-",
        "ehlo", "login", "mail to two@example.org by ann",
    ]  # fmt: skip


def test_what_is_not_used_again_is_not_made_again(disturbed) -> None:
    said: list[str] = []
    text = SMTP.replace('print("again")', "return")
    with servers.smtp(said) as port:
        disturbed(text, port, said)
    assert said[-1] == "-"


def test_smtp_as_a_context(disturbed) -> None:
    said: list[str] = []
    text = """
        import os
        import smtplib
        from dying import die_once

        def handler(event):
            with smtplib.SMTP("127.0.0.1", event.data.port) as smtp:
                smtp.login("ann", os.environ["MAIL_PASSWORD"])
                smtp.sendmail("ann@example.org", ["one@example.org"], b"Subject: one")
                die_once()
                smtp.sendmail("ann@example.org", ["two@example.org"], b"Subject: two")
    """
    with servers.smtp(said) as port:
        disturbed(text, port, said)
    assert [line for line in said if line != "ehlo"] == [
        "login", "mail to one@example.org by ann", "-", "login", "mail to two@example.org by ann",
    ]  # fmt: skip


def test_the_parts_of_a_mail_stop_the_session(disturbed) -> None:
    said: list[str] = []
    text = """
        import os
        import smtplib
        from dying import die_once

        def handler(event):
            smtp = smtplib.SMTP("127.0.0.1", event.data.port)
            smtp.login("ann", os.environ["MAIL_PASSWORD"])
            smtp.mail("ann@example.org")
            die_once()
            smtp.rcpt("one@example.org")
    """
    with servers.smtp(said) as port:
        resumed = disturbed(text, port, said, code=4)
    assert (
        "smtplib.SMTP can't be made again after a restart; put the calls that use it into one @activity" in resumed.err
    )


def test_a_login_that_fails_the_second_time_stops_the_session_and_says_so(cli, program) -> None:
    said: list[str] = []
    program(SMTP)
    with servers.smtp(said) as port:
        data = json.dumps({"port": port})
        right, wrong = {"MAIL_PASSWORD": servers.PASSWORD}, {"MAIL_PASSWORD": "changed-meanwhile"}
        assert cli("run", "app.py:handler", "--session", "s", "--data", data, **right).code == -9
        stopped = cli("resume", "s", **wrong)
        assert stopped.code == 4
        assert (
            "SMTP was made again after a restart, but login failed this time (SMTPAuthenticationError: " in stopped.err
        )
        assert cli("resume", "s", **right).code == 0
    assert said[-1] == "mail to two@example.org by ann"


def test_ftp(disturbed, tmp_path_factory) -> None:
    said: list[str] = []
    folder = tmp_path_factory.mktemp("files")
    (folder / "inside").mkdir()
    text = """
        import ftplib
        import io
        import os
        from dying import die_once

        def handler(event):
            ftp = ftplib.FTP()
            ftp.connect("127.0.0.1", event.data.port)
            ftp.login("ann", os.environ["MAIL_PASSWORD"])
            ftp.cwd("inside")
            ftp.storbinary("STOR one", io.BytesIO(b"1"))
            die_once()
            print(ftp.size("one"))  # refused, but for the form in which the file before was sent
            ftp.storbinary("STOR two", io.BytesIO(b"22"))
            print(sorted(ftp.nlst()))
            ftp.quit()
    """
    with servers.ftp(said, folder) as port:
        assert disturbed(text, port, said).out == "1\n['one', 'two']\n"
    assert said == ["login", "CWD inside", "STOR one", "-", "login", "CWD inside", "STOR two", "NLST"]


IMAP = """
    import imaplib
    import os
    from dying import die_once

    def handler(event):
        imap = imaplib.IMAP4("127.0.0.1", event.data.port)
        imap.login("ann", os.environ["MAIL_PASSWORD"])
        imap.select("Reports")
        die_once()
        print(imap.search(None, "ALL"))
        imap.logout()
"""


def test_imap(disturbed) -> None:
    said: list[str] = []
    with servers.imap(said) as port:
        assert disturbed(IMAP, port, said).out == "('OK', [b'1 3'])\n"
    assert said == ["LOGIN ann", "SELECT Reports", "-", "LOGIN ann", "SELECT Reports", "SEARCH ALL", "LOGOUT"]


POP = """
    import os
    import poplib
    from dying import die_once

    def handler(event):
        pop = poplib.POP3("127.0.0.1", event.data.port)
        pop.user("ann")
        pop.pass_(os.environ["MAIL_PASSWORD"])
        print(pop.stat())
        die_once()
        print(pop.stat())
        pop.quit()
"""


def test_pop(disturbed) -> None:
    said: list[str] = []
    with servers.pop(said) as port:
        assert disturbed(POP, port, said).out == "(2, 320)\n"
    assert said == ["USER", "PASS", "STAT", "-", "USER", "PASS", "STAT", "QUIT"]


def test_messages_marked_as_deleted_stop_the_session(disturbed) -> None:
    said: list[str] = []
    with servers.pop(said) as port:
        resumed = disturbed(POP.replace("print(pop.stat())", "pop.dele(1)", 1), port, said, code=4)
    assert "poplib.POP3 can't be made again after a restart" in resumed.err


def test_ssh(disturbed) -> None:
    said: list[str] = []
    text = """
        import os
        import paramiko
        from dying import die_once

        def handler(event):
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                "127.0.0.1", event.data.port, "ann", os.environ["MAIL_PASSWORD"], look_for_keys=False, allow_agent=False
            )
            die_once()
            given, out, _ = client.exec_command("date")
            given.channel.shutdown_write()
            print(out.read())
            client.close()
    """
    with servers.ssh(said) as port:
        assert disturbed(text, port, said).out == "b'DATE'\n"
    assert said == ["login", "-", "login", "date"]


def test_sftp(disturbed) -> None:
    said: list[str] = []
    text = """
        import os
        import paramiko
        from dying import die_once

        def handler(event):
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                "127.0.0.1", event.data.port, "ann", os.environ["MAIL_PASSWORD"], look_for_keys=False, allow_agent=False
            )
            files = client.open_sftp()
            files.chdir("/inside")
            print(files.listdir())
            die_once()
            print(files.listdir())
            client.close()
    """
    with servers.ssh(said) as port:
        assert disturbed(text, port, said).out == "['in-inside-.']\n"
    asked = ["login", "stat /inside", "list /inside/."]
    assert said == [*asked, "-", *asked]


def _with_tls(text: str, cls: str, certificate: object) -> str:
    return (
        text.replace(f"{cls}(", f"{cls}_SSL(")
        .replace(
            "event.data.port)",
            f"event.data.port, {_CONTEXT[cls]}=ssl.create_default_context(cafile={str(certificate)!r}))",
        )
        .replace('"127.0.0.1"', '"localhost"')
        .replace("import os", "import os, ssl")
    )


_CONTEXT = {"SMTP": "context", "IMAP4": "ssl_context", "POP3": "context"}


@pytest.mark.parametrize("kind", ["smtp", "imap", "pop"])
def test_with_tls(disturbed, tmp_path_factory, kind) -> None:
    said: list[str] = []
    text, cls = {"smtp": (SMTP, "SMTP"), "imap": (IMAP, "IMAP4"), "pop": (POP, "POP3")}[kind]
    with (
        getattr(servers, kind)(said) as plain,
        servers.tls(plain, tmp_path_factory.mktemp("tls")) as (port, certificate),
    ):
        disturbed(_with_tls(text, cls, certificate), port, said)
    logins = [at for at, line in enumerate(said) if line in ("login", "LOGIN ann", "PASS")]
    assert logins[0] < said.index("-") < logins[1]


def test_lmtp(disturbed) -> None:
    said: list[str] = []
    with servers.smtp(said, local=True) as port:
        disturbed(SMTP.replace("smtplib.SMTP(", "smtplib.LMTP("), port, said)
    assert said == [
        "ehlo", "login", "mail to one@example.org by ann", "-", "ehlo", "login", "mail to two@example.org by ann",
    ]  # fmt: skip


def test_imap_by_a_command(disturbed) -> None:
    said: list[str] = []
    # What an ssh to the mail server would be: a process that speaks IMAP.
    connects = (
        "import shutil, socket, threading; "
        "there = socket.create_connection(('127.0.0.1', {port})).makefile('rwb', 0); "
        "answers = lambda: shutil.copyfileobj(there, open(1, 'wb', 0)); "
        "threading.Thread(target=answers, daemon=True).start(); "
        "shutil.copyfileobj(open(0, 'rb', 0), there)"
    )
    with servers.imap(said) as port:
        command = f'{sys.executable} -c "{connects.format(port=port)}"'
        text = IMAP.replace('imaplib.IMAP4("127.0.0.1", event.data.port)', f"imaplib.IMAP4_stream({command!r})")
        assert disturbed(text, port, said).out == "('OK', [b'1 3'])\n"
    assert said == ["LOGIN ann", "SELECT Reports", "-", "LOGIN ann", "SELECT Reports", "SEARCH ALL", "LOGOUT"]


def test_a_session_of_requests_keeps_headers_auth_and_cookies(cli, program) -> None:
    import http.server
    import threading

    seen: list[str] = []

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(
                f"{self.path} {self.headers['X-One']} {self.headers['Cookie']} {bool(self.headers['Authorization'])}"
            )
            self.send_response(200)
            self.send_header("Set-Cookie", "known=yes")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    program(
        """
        import requests
        from dying import die_once

        def handler(event):
            session = requests.Session()
            session.headers["X-One"] = "1"
            session.auth = ("ann", "secret")
            session.get(f"http://127.0.0.1:{event.data.port}/a")
            die_once()
            session.get(f"http://127.0.0.1:{event.data.port}/b")
        """
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever).start()
        data = json.dumps({"port": server.server_port})
        assert cli("run", "app.py:handler", "--session", "s", "--data", data).code == -9
        resumed = cli("resume", "s")
        server.shutdown()
    assert resumed.code == 0, resumed.err
    assert seen == ["/a 1 None True", "/b 1 known=yes True"]


def test_the_lists_name_what_is_there() -> None:
    import importlib

    from ninelives.session.livetypes import AGAIN

    classes: dict[object, list[type]] = {}
    for name, listed in AGAIN.items():
        module, _, cls = name.rpartition(".")
        if module.partition(".")[0] != "ldap3":  # no server of it for a test
            classes.setdefault(listed, []).append(getattr(importlib.import_module(module), cls))
    for listed, alike in classes.items():
        for method in listed.setup | listed.breaks | listed.ends:
            # Some are of one class only: with TLS, of later versions of Python.
            assert method == "idle" or any(hasattr(cls, method) for cls in alike), (alike, method)
