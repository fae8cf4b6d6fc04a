"""TLS certificates, as Nodes are bound to them."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from models.domain.errors import Permanent


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the certificate in a PEM file. Raises Permanent when there is none in it."""
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()
    except ValueError as error:
        raise Permanent(f"{certificate.name} holds no certificate in PEM form.") from error
