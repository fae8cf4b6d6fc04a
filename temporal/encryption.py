"""Everything that the engine keeps of our payloads and failures is encrypted: AES-256-GCM, with the key's id beside it.

Workflow ids, queue names and search attributes are never encrypted: they hold references only.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

from models.domain.errors import Permanent

ENCODING = b"binary/encrypted"
NONCE = 12
"""Bytes of a fresh random nonce (NIST SP 800-38D Section 8.2.2)."""


class PayloadKeys:
    """Named keys: the first encrypts, all decrypt."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise Permanent("The file of payload keys is empty; put a line `id base64` into it.")
        self.newest = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    @classmethod
    def read(cls, path: Path) -> PayloadKeys:
        """From a file with one `id base64` a line; Permanent when there is none or a line is no 256-bit key."""
        try:
            pairs = dict(line.split() for line in path.read_text().splitlines() if line.strip())
            keys = {key_id: base64.b64decode(text, validate=True) for key_id, text in pairs.items()}
        except (OSError, ValueError) as wrong:
            raise Permanent(f"The payload keys cannot be read ({type(wrong).__name__}).") from wrong
        if any(len(key) != 32 for key in keys.values()):
            raise Permanent("A payload key is not 32 bytes long; make one with `iep keys new`.")
        return cls(keys)

    def cipher(self, key_id: str) -> AESGCM:
        try:
            return self._ciphers[key_id]
        except KeyError:
            raise Permanent(f"The payload key {key_id} is missing from the file of payload keys.") from None


def new_key_line(key_id: str) -> str:
    """A fresh line for the file of payload keys. In the first place it takes over; the old ones stay, to read."""
    return f"{key_id} {base64.b64encode(secrets.token_bytes(32)).decode()}\n"


class EncryptingCodec(PayloadCodec):
    def __init__(self, keys: PayloadKeys) -> None:
        self.keys = keys

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload) -> Payload:
        key_id, nonce = self.keys.newest, os.urandom(NONCE)
        sealed = self.keys.cipher(key_id).encrypt(nonce, payload.SerializeToString(), key_id.encode())
        return Payload(metadata={"encoding": ENCODING, "key": key_id.encode()}, data=nonce + sealed)

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata["key"].decode()
        nonce, sealed = payload.data[:NONCE], payload.data[NONCE:]
        return Payload.FromString(self.keys.cipher(key_id).decrypt(nonce, sealed, key_id.encode()))


def converter(keys: PayloadKeys) -> DataConverter:
    """The converter of every client, worker and replayer of this exchange."""
    return replace(
        DataConverter.default,
        payload_codec=EncryptingCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
