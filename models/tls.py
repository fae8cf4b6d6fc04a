"""TLS as PS3.15 B.12 (BCP 195) asks: 1.2 at least, AEAD suites, and a certificate on both sides."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Context = TypeVar("Context", bound=ssl.SSLContext)


@dataclass(frozen=True)
class Identity:
    """A key and its certificate, and the authorities that others' certificates must come from (PEM files)."""

    key: Path
    certificate: Path
    authorities: Path


def mutual(context: Context, identity: Identity) -> Context:
    """`context` in that profile: it presents the certificate of `identity` and demands one of its authorities.

    Raises OSError (ssl.SSLError among them) where the files are none of that kind.
    """
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!SHA1")
    context.load_cert_chain(identity.certificate, identity.key)
    context.load_verify_locations(identity.authorities)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def server_context(identity: Identity) -> ssl.SSLContext:
    """For whoever listens."""
    return mutual(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), identity)
