"""TLS as PS3.15 B.12 (BCP 195) asks: 1.2 at least, AEAD suites, and a certificate on both sides."""

from __future__ import annotations

import ssl
from pathlib import Path


def server_context(key: Path, certificate: Path, authorities: Path) -> ssl.SSLContext:
    """A context that presents `certificate` and demands one issued by `authorities` (PEM files)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!SHA1")
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authorities)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
