"""TLS towards a Node (PS3.15 B.12): we show our certificate, and check the Node's before anything is said."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.transport import AddressInformation, AssociationSocket

from models.bell import Waiting
from models.domain.errors import NotSecured
from models.tls import Identity, mutual

AHEAD = 16384
"""Bytes: the longest record (RFC 8446 Section 5.1)."""


@dataclass
class Own:
    """What this process shows to Nodes, and whom it tells (Node's id, sentence) that one could not be trusted."""

    identity: Identity | None = None
    alarm: Callable[[str, str], None] | None = None


OWN = Own()


class AnotherCertificate(OSError):
    """The peer's certificate is in order, and not the one that is registered for it."""


class Towards(ssl.SSLContext):
    """For one connection. `expected`: SHA-256 of the peer's certificate, where it must be that very one.

    `trouble` is what went wrong, which pynetdicom keeps to itself.
    """

    expected: str = ""
    trouble: OSError | None = None


class SecuredSocket(ssl.SSLSocket):
    """A connection over which nothing is sent before the peer's certificate was checked.

    What it has received is known without waiting: records without data of their own (the tickets of TLS 1.3) make it
    look readable, and whoever then reads waits for data that may never come.
    """

    _ahead = b""
    _ended = False

    @property
    def towards(self) -> Towards:
        return cast(Towards, self.context)

    def do_handshake(self, block: bool = False) -> None:
        """Within the socket's timeout as a whole, however slowly the peer goes on."""
        try:
            super().do_handshake(block)
            shown = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
            if self.towards.expected not in ("", shown):
                raise AnotherCertificate
        except OSError as trouble:
            self.towards.trouble = trouble
            raise

    def has_data(self) -> bool:
        """Whether `recv` returns or raises at once."""
        if self._ended or self.pending():
            return True
        patience = self.gettimeout()
        self.settimeout(0.0)
        try:
            self._ahead = super().recv(AHEAD)
            self._ended = not self._ahead
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as trouble:
            self.towards.trouble = trouble
            self._ended = True
        finally:
            self.settimeout(patience)
        return True

    def pending(self) -> int:
        return len(self._ahead) + super().pending()

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        if self._ahead:
            taken, self._ahead = self._ahead[:buflen], self._ahead[buflen:]
            return taken
        if self._ended:
            return b""
        # As a QuickSocket does.
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().recv(buflen, flags)


Towards.sslsocket_class = SecuredSocket


class Caller(AE):  # type: ignore[misc]
    """An application entity whose connections under TLS are read when there is something to read."""

    def _create_socket(
        self, assoc: Association, address: AddressInformation, tls_args: tuple[ssl.SSLContext, str] | None
    ) -> AssociationSocket:
        made = Connection(assoc, address=address)
        made.tls_args = tls_args
        return made


class Connection(Waiting, AssociationSocket):  # type: ignore[misc]
    """Once it `is_waited_for` it has a bell; before, pynetdicom looks at it each millisecond."""

    is_waited_for = False

    def _shutdown_socket(self) -> None:
        super()._shutdown_socket()
        # It leaves a connection open that the peer has ended, or that never came to be.
        if self.socket is not None:
            self.socket.close()

    @property
    def ready(self) -> bool:
        came = self.something_came() if self.is_waited_for else super().ready
        return bool(came and (not isinstance(self.socket, SecuredSocket) or self.socket.has_data()))


def towards(name: str, certificate_sha256: str | None) -> Towards:
    """The context for a connection to the Node `name`, read from the files anew: a renewed certificate counts at once.

    Its certificate must come from our authorities, and be that of `certificate_sha256`; or, with None, name its host.
    Raises NotSecured when our own files are not in order.
    """
    if OWN.identity is None:
        raise NotSecured(
            f"{name} wants TLS and the exchange has no certificate; set IEP_TLS_KEY, IEP_TLS_CERTIFICATE and "
            "IEP_TLS_AUTHORITIES where the workers run."
        )
    context = Towards(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = certificate_sha256 is None
    context.expected = (certificate_sha256 or "").lower()
    try:
        return mutual(context, OWN.identity)
    except OSError as unfit:
        raise NotSecured(
            "The exchange's own key, certificate or authorities cannot be read; put the files of IEP_TLS_KEY, "
            "IEP_TLS_CERTIFICATE and IEP_TLS_AUTHORITIES in order."
        ) from unfit
