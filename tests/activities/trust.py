"""Whom the exchange and a PACS trust in a test of TLS, and what is said over it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from models.tls import Identity, server_context
from tests.edge.certificates import Authority, Pair

HOST = "127.0.0.1"


@dataclass
class Trust:
    """An authority that both sides trust, and the certificate of the PACS."""

    authority: Authority
    pacs: Pair
    folder: Path

    def server(self, pair: Pair | None = None) -> ssl.SSLContext:
        shown = pair or self.pacs
        return server_context(Identity(shown.key, shown.certificate, self.authority.certificate))


def overheard(listening: ssl.SSLContext) -> bytearray:
    """What is said to whoever listens with that context, deciphered. A connection counts from its first byte on."""
    heard = bytearray()

    class Ear(ssl.SSLSocket):
        first = b""

        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            # pynetdicom waits half a minute for the request of a peer that has gone.
            self.first = super().recv(1)
            if not self.first:
                raise ConnectionError
            heard.extend(self.first)

        def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
            if self.first:
                first, self.first = self.first, b""
                return first
            said = super().recv(buflen, flags)
            heard.extend(said)
            return said

    listening.sslsocket_class = Ear
    return heard
