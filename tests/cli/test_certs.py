"""`certs init`: what it makes is what real TLS takes, and a stranger is refused."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from ninelives.config.loading import load

FILES = ["ca.key", "ca.pem", "manager.key", "manager.pem", "worker.key", "worker.pem"]


def context(purpose: int, folder: Path, side: str | None, trusted: Path | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(purpose)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    # As Python 3.13 has it by default.
    made.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations((trusted or folder) / "ca.pem")
    if side:
        made.load_cert_chain(folder / f"{side}.pem", folder / f"{side}.key")
    return made


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> tuple[str, str]:
    """Do a handshake in memory, say something, and return whom each side has met."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    served = server.wrap_bio(to_server, to_client, server_side=True)
    called = client.wrap_bio(to_client, to_server, server_hostname=host)
    # Client hello; answer with certificate; certificate of the client; its check.
    for step in (called.do_handshake, served.do_handshake, called.do_handshake, served.do_handshake):
        try:
            step()
        except ssl.SSLWantReadError:
            continue
    assert served.version() == called.version() == "TLSv1.3"
    called.write(b"hello")
    assert served.read() == b"hello"

    def name(certificate: dict) -> str:
        return dict(pair for group in certificate["subject"] for pair in group)["commonName"]

    return name(called.getpeercert()), name(served.getpeercert())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certs")
    command = [sys.executable, "-m", "ninelives", "certs", "init", "--worker=10.0.0.1", "--worker=w.example.org"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "NINELIVES_HOME": str(folder)}
    for name in ("ours", "theirs"):
        subprocess.run([*command, str(folder / name)], env=environment, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("serving", "calling", "host"),
    [
        ("worker", "manager", "10.0.0.1"),
        ("worker", "manager", "w.example.org"),
        ("manager", "worker", "localhost"),
        ("manager", "worker", "127.0.0.1"),
        ("manager", "worker", "::1"),
    ],
)
def test_both_sides_know_each_other(made, serving, calling, host):
    server = context(ssl.PROTOCOL_TLS_SERVER, made / "ours", serving)
    client = context(ssl.PROTOCOL_TLS_CLIENT, made / "ours", calling)
    assert shake_hands(server, client, host) == (f"ninelives {serving}", f"ninelives {calling}")


def test_a_client_of_another_authority_is_refused(made):
    server = context(ssl.PROTOCOL_TLS_SERVER, made / "ours", "worker")
    stranger = context(ssl.PROTOCOL_TLS_CLIENT, made / "theirs", "manager", trusted=made / "ours")
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        shake_hands(server, stranger, "10.0.0.1")


def test_a_client_without_a_certificate_is_refused(made):
    server = context(ssl.PROTOCOL_TLS_SERVER, made / "ours", "worker")
    with pytest.raises(ssl.SSLError, match=r"(?i)peer.did.not.return.a.certificate"):
        shake_hands(server, context(ssl.PROTOCOL_TLS_CLIENT, made / "ours", None), "10.0.0.1")


def test_a_server_of_another_authority_or_another_name_is_refused(made):
    client = context(ssl.PROTOCOL_TLS_CLIENT, made / "ours", "manager")
    stranger = context(ssl.PROTOCOL_TLS_SERVER, made / "theirs", "worker", trusted=made / "ours")
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        shake_hands(stranger, client, "10.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError, match="10\\.0\\.0\\.2"):
        shake_hands(context(ssl.PROTOCOL_TLS_SERVER, made / "ours", "worker"), client, "10.0.0.2")


def test_older_tls_is_refused(made):
    server = context(ssl.PROTOCOL_TLS_SERVER, made / "ours", "worker")
    client = context(ssl.PROTOCOL_TLS_CLIENT, made / "ours", "manager")
    client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=r"(?i)unsupported.protocol"):
        shake_hands(server, client, "10.0.0.1")


def test_keys_are_the_owner_s_and_the_settings_are_said(cli, tmp_path):
    answer = cli("certs", "init", "deep/certs", "--manager", "m.example.org")
    assert (answer.code, answer.err) == (0, "")
    folder = tmp_path / "deep" / "certs"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.key")} == {0o600}
    assert "PRIVATE" not in "".join(path.read_text() for path in folder.glob("*.pem"))
    assert f"{folder}/manager.pem, manager.key (m.example.org)" in answer.out
    # What it prints is what config.yaml takes.
    (tmp_path / "config.yaml").write_text(answer.out.partition("# config.yaml")[2].partition("\n")[2])
    tls = load(str(tmp_path), {}).settings.tls
    assert {Path(path).name for path in (tls.ca, tls.certificate, tls.key)} == {"ca.pem", "worker.pem", "worker.key"}
    assert Path(tls.key).exists()


def test_nothing_is_overwritten(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    assert cli("certs", "init", "empty", "--json").document["manager"]["hosts"] == ["localhost", "127.0.0.1", "::1"]
    before = {path: path.read_bytes() for path in (tmp_path / "empty").iterdir()}
    (tmp_path / "file").write_text("x")
    for folder in ("empty", "file"):
        answer = cli("certs", "init", folder)
        assert (answer.code, answer.out) == (2, "")
        assert (
            answer.err
            == f"ninelives: {folder} is there already, and is not empty: name a new folder, nothing is overwritten\n"
        )
    assert {path: path.read_bytes() for path in (tmp_path / "empty").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


@pytest.mark.parametrize("host", ["10.0.0.1:80", "a b", "", "300.1.1.1", "x" * 64, "bücher.example", "-a", "a/b"])
def test_a_host_that_is_none_is_one_line(cli, tmp_path, host):
    answer = cli("certs", "init", "certs", f"--worker={host}")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "is no name of a host and no IP address" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_one_line(cli, tmp_path):
    (tmp_path / "file").write_text("x")
    answer = cli("certs", "init", "file/certs")
    assert (answer.code, answer.err.count("\n")) == (3, 1)
    assert "can't be made (Not a directory)" in answer.err


def test_they_expire_when_it_is_said(cli, tmp_path):
    assert cli("certs", "init", "certs", "--days", "2").code == 0
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate((tmp_path / "certs" / "worker.pem").read_bytes())
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds() == 2 * 86_400 + 3_600
    assert cli("certs", "init", "other", "--days", "0").code == 2


def test_without_the_package_it_is_one_line_that_says_how_to_get_it(cli, tmp_path):
    # As if it were not installed: a package of this name that can't be imported comes first.
    (tmp_path / "shadow" / "cryptography").mkdir(parents=True)
    (tmp_path / "shadow" / "cryptography" / "__init__.py").write_text("raise ImportError\n")

    path = f"{tmp_path / 'shadow'}{os.pathsep}{os.environ['PYTHONPATH']}"
    answer = cli("certs", "init", "certs", PYTHONPATH=path)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "pip install 'ninelives[certs]'" in answer.err
