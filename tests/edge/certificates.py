"""Throw-away certificates."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A key and its certificate, as PEM files."""

    key: Path
    certificate: Path
    sha256: str


class Authority:
    """Issues certificates into `folder`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._build(self._name, self._key, authority=True)
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(own.public_bytes(Encoding.PEM))

    def issue(self, name: str, *hosts: str, days: float = 1) -> Pair:
        """For `hosts`, names or addresses; it expires in `days`, or has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issued = self._build(subject, key, authority=False, hosts=hosts or ("edge",), days=days)
        pair = Pair(
            self.folder / f"{name}.key",
            self.folder / f"{name}.crt",
            hashlib.sha256(issued.public_bytes(Encoding.DER)).hexdigest(),
        )
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        pair.certificate.write_bytes(issued.public_bytes(Encoding.PEM))
        return pair

    def _build(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        authority: bool,
        hosts: tuple[str, ...] = ("edge",),
        days: float = 1,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_named(host) for host in hosts]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _named(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def client_context(trusted: Path, pair: Pair | None) -> ssl.SSLContext:
    """What a sender uses: trusts `trusted`, presents `pair` if any."""
    context = ssl.create_default_context(cafile=str(trusted))
    if pair:
        context.load_cert_chain(pair.certificate, pair.key)
    return context
