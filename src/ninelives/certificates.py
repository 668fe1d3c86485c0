"""Certificates for mutual TLS between a worker and runner managers on other hosts.

An authority of this installation's own signs one certificate for each side. Both sides serve and both call, so each
certificate is good for both.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ninelives.errors import StoreError, UsageError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

#: Names of this host, for whoever tries it on one machine.
LOCAL = ("localhost", "127.0.0.1", "::1")

#: The authority lasts for so many days; certificates that it has signed are made anew earlier.
_CA_DAYS = 3_650

#: A certificate counts from a little earlier on: clocks of hosts differ.
_SKEW = timedelta(hours=1)

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}")


class _Signer(NamedTuple):
    certificate: x509.Certificate
    key: EllipticCurvePrivateKey


def make_certificates(folder: Path, sides: Mapping[str, Sequence[str]], days: int) -> datetime:
    """Make an authority, and a certificate with its key for each side, in a new folder: all of them or nothing.

    The folder has ``ca.pem`` and ``ca.key``, and ``SIDE.pem`` and ``SIDE.key`` for each side. Nobody but the owner can
    read the keys.

    Args:
        folder: not there yet, or empty.
        sides: names and IP addresses of the hosts, by side.
        days: for how long the certificates are good.

    Returns:
        When the first certificate expires.

    Raises:
        UsageError: the folder has something in it, a name is none, or the package that makes certificates is missing.
        StoreError: the folder can't be written.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} is there already, and is not empty: name a new folder, nothing is overwritten")
    files, until = _make(sides, days)
    new = folder.with_name(f".{os.urandom(16).hex()}")
    try:
        try:
            new.mkdir(mode=0o700, parents=True)
            for name, content in files.items():
                _write(new / name, content, 0o600 if name.endswith(".key") else 0o644)
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{folder} can't be made ({error.strerror}): name another folder; nothing is left") from error
    return until


def _make(sides: Mapping[str, Sequence[str]], days: int) -> tuple[dict[str, bytes], datetime]:
    try:
        import cryptography.x509  # noqa: F401 - to see whether it is there
    except ImportError:
        raise UsageError("certificates need the package cryptography: pip install 'ninelives[certs]'") from None
    now = datetime.now(UTC).replace(microsecond=0)
    authority = _authority(now)
    files = {"ca.pem": _pem(authority.certificate), "ca.key": _key_pem(authority.key)}
    until = now + timedelta(days=days)
    for side, names in sides.items():
        signed = _sign(authority, side, names, now, until)
        files |= {f"{side}.pem": _pem(signed.certificate), f"{side}.key": _key_pem(signed.key)}
    return files, until


def _authority(now: datetime) -> _Signer:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    key = ec.generate_private_key(ec.SECP256R1())
    # Two authorities of the same name would be taken for each other.
    name = _name(f"ninelives authority {os.urandom(4).hex()}")
    certificate = (
        _builder(name, name, key, now, now + timedelta(days=_CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, SHA256())
    )
    return _Signer(certificate, key)


def _sign(authority: _Signer, side: str, names: Sequence[str], now: datetime, until: datetime) -> _Signer:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import oid

    key = ec.generate_private_key(ec.SECP256R1())
    usages = [oid.ExtendedKeyUsageOID.SERVER_AUTH, oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    public = authority.key.public_key()
    certificate = (
        _builder(_name(f"ninelives {side}"), authority.certificate.subject, key, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(name) for name in names]), critical=False)
        .sign(authority.key, SHA256())
    )
    return _Signer(certificate, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509 import oid

    return x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, common)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name.strip("[]")))
    except ValueError:
        pass  # a name then
    if len(name) > 253 or not _HOST.fullmatch(name) or re.fullmatch(r"[\d.]+", name):
        raise UsageError(f"{name!r} is no name of a host and no IP address: write it without a port, like 10.0.0.7")
    return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
