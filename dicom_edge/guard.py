"""pynetdicom's associations, hardened. The one place that touches pynetdicom's inside (pinned: 3.0.4).

pynetdicom waits without end for the rest of a PDU, buffers whatever length a PDU claims, shakes hands over TLS in
the thread that accepts, and answers a full disk by breaking off. It has a hook for the server class only, so an
association is dressed in the classes below after pynetdicom has made it. tests/edge/test_guard_contract.py
says what of pynetdicom this relies on.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from tempfile import NamedTemporaryFile
from typing import Any

import pynetdicom.acse
import pynetdicom.dimse_messages
from pydicom.uid import UID
from pynetdicom import _config
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import InvalidEventError
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor, negotiate_unrestricted
from pynetdicom.transport import AssociationSocket

from dicom_edge.connections import Connection
from dicom_edge.incoming import Incoming
from dicom_edge.limits import MEBIBYTE, Limits
from models.bell import PATIENCE, Bell, Checkpoint, Waiting, WakingQueue

log = logging.getLogger(__name__)

COMMAND_BYTES = MEBIBYTE
"""What of one message may be held in memory: the command set, and a data set that is no C-STORE's."""
MESSAGES_WAITING = 4
"""More complete messages than this, while one is served, break the window of one that was negotiated."""
TRANSFER_SYNTAXES_NOT_SUPPORTED = 0x04

_new_incoming: ContextVar[Callable[[], Incoming]] = ContextVar("_new_incoming")


def set_up_pynetdicom() -> None:
    """Process-wide: chunked receiving through Incoming, any storage SOP class, known transfer syntaxes only."""
    _config.STORE_RECV_CHUNKED_DATASET = True
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.LOG_HANDLER_LEVEL = "none"
    pynetdicom.dimse_messages.NamedTemporaryFile = _open_incoming
    pynetdicom.acse.negotiate_unrestricted = negotiate


def _open_incoming(*args: Any, **options: Any) -> Any:
    new = _new_incoming.get(None)
    return new() if new else NamedTemporaryFile(*args, **options)


def negotiate(
    requested: list[PresentationContext], supported: list[PresentationContext], roles: Any = None
) -> tuple[list[PresentationContext], Any]:
    """The sender's first choice among the transfer syntaxes the standard knows (PS3.6 Annex A): stored as sent.

    pynetdicom takes the first proposal whatever it is; a private syntax could not even be checked for its end.
    """
    readable = []
    refused = []
    for context in requested:
        known = [one for one in context.transfer_syntax if UID(one).type == "Transfer Syntax"]
        if known:
            context.transfer_syntax = known
            readable.append(context)
        else:
            context.result = TRANSFER_SYNTAXES_NOT_SUPPORTED
            refused.append(context)
    accepted, replies = negotiate_unrestricted(readable, supported, roles)
    # pynetdicom forgets what it agrees to of roles in services that are no storage.
    ours = {context.abstract_syntax for context in supported}
    _, forgotten = negotiate_as_acceptor([one for one in readable if one.abstract_syntax in ours], supported, roles)
    return sorted([*accepted, *refused], key=lambda context: int(context.context_id)), [*replies, *forgotten]


class GuardedSocket(Waiting, AssociationSocket):  # type: ignore[misc]
    """Reads one PDU within a total time and a size."""

    limits: Limits
    deadline: float

    @property
    def ready(self) -> bool:
        return self.something_came()

    def recv(self, nr_bytes: int) -> bytearray:
        """OSError when the bytes are too many, or late: pynetdicom then takes the connection for closed."""
        if nr_bytes > self.limits.largest_pdu:
            self._shutdown_socket()
            raise OSError(errno.EMSGSIZE, "the PDU is longer than this edge reads")
        received = bytearray(nr_bytes)
        rest = memoryview(received)
        while rest:
            self.socket.settimeout(max(0.001, self.deadline - time.monotonic()))
            count = self.socket.recv_into(rest)
            if not count:
                return received[: nr_bytes - len(rest)]
            rest = rest[count:]
        return received

    def send(self, bytestream: bytes) -> None:
        """A peer that does not read its answers is one that has gone."""
        with contextlib.suppress(OSError, AttributeError):
            self.socket.settimeout(self.limits.pdu_seconds)
        super().send(bytestream)

    def _shutdown_socket(self) -> None:
        """pynetdicom's leaves the socket open when the peer has hung up already."""
        with contextlib.suppress(OSError, AttributeError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, AttributeError):
            self.socket.close()


class GuardedDUL(DULServiceProvider):  # type: ignore[misc]
    """The upper layer's thread: starts the clock of each PDU, and wakes its association when it ends."""

    def run(self) -> None:
        try:
            super().run()
        except InvalidEventError:
            log.debug("an answer was ready for a peer that had been cut off meanwhile")
        finally:
            # Else the association waits for its request until the ARTIM time is over, though the peer has gone.
            self.to_user_queue.put(None)
            self.socket.bell.close()

    def _read_pdu_data(self) -> None:
        limits = self.socket.limits
        seconds = limits.pdu_seconds if self.assoc.is_established else limits.request_seconds
        self.socket.deadline = time.monotonic() + seconds
        _acknowledge_at_once(self.socket.socket)
        super()._read_pdu_data()


class GuardedDIMSE(DIMSEServiceProvider):  # type: ignore[misc]
    """Keeps what is received off the heap, and leaves no file behind."""

    new_incoming: Callable[[], Incoming]
    arriving: list[Incoming]
    receiving: threading.Lock
    ended: bool

    def receive_primitive(self, primitive: Any) -> None:
        with self.receiving:
            if self.ended:
                return
            token = _new_incoming.set(self._open)
            try:
                super().receive_primitive(primitive)
                acceptable = self._held() <= COMMAND_BYTES and self.msg_queue.qsize() <= MESSAGES_WAITING
            except Exception as error:  # noqa: BLE001 a hostile command set can raise anything
                log.warning("a message could not be read: %s", type(error).__name__)
                acceptable = False
            finally:
                _new_incoming.reset(token)
            # Each file is listed here and not only in its message: a second command set within one message opens
            # another one, and pynetdicom forgets the first.
            if not acceptable or len(self.arriving) > MESSAGES_WAITING + 2:
                self.dul.event_queue.put("Evt19")

    def _open(self) -> Incoming:
        incoming = self.new_incoming()
        self.arriving.append(incoming)
        return incoming

    def _held(self) -> int:
        if self.message is None:
            return 0
        return sum(part.tell() for part in (self.message.encoded_command_set, self.message.data_set) if part)

    def served(self, incoming: Incoming) -> None:
        """Kept or refused: no business of this association any more."""
        incoming.discard()
        self.arriving.remove(incoming)

    def discard(self) -> None:
        """Forget what has not been served, and take no more."""
        with self.receiving:
            self.ended = True
            for incoming in self.arriving:
                incoming.discard()


class GuardedAssociation(Association):  # type: ignore[misc]
    """Says exactly once that it is over, whatever ended it."""

    connection: Connection

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.dimse.discard()
            self._server.over(self)

    def _serve_request(self, msg: Any, context_id: int) -> None:
        try:
            super()._serve_request(msg, context_id)
        finally:
            incoming = getattr(msg, "_dataset_file", None)
            if isinstance(incoming, Incoming):
                self.dimse.served(incoming)


def dress(association: Any, connection: Connection, limits: Limits, new_incoming: Callable[[], Incoming]) -> None:
    """Turn an acceptor that pynetdicom has just made, and not started, into a guarded one."""
    association.__class__ = GuardedAssociation
    association.connection = connection
    association.dimse.__class__ = GuardedDIMSE
    association.dimse.new_incoming = new_incoming
    association.dimse.arriving = []
    association.dimse.receiving = threading.Lock()
    association.dimse.ended = False
    association.dul.__class__ = GuardedDUL
    wrapped = association.dul.socket
    wrapped.__class__ = GuardedSocket
    wrapped.limits = limits
    wrapped.deadline = time.monotonic() + limits.request_seconds
    wrapped.bell = Bell()
    _wake_instead_of_polling(association, wrapped.bell)


def _wake_instead_of_polling(association: Any, bell: Bell) -> None:
    """pynetdicom's two threads look at their queues each millisecond: an image waits for that four times."""
    checkpoint = Checkpoint(PATIENCE)
    association._reactor_checkpoint = checkpoint
    association.dimse.msg_queue = WakingQueue(checkpoint.set)
    association.dul.to_user_queue = WakingQueue(checkpoint.set)
    association.dul.to_provider_queue = WakingQueue(bell.ring)
    association.dul._run_loop_delay = 0


def _acknowledge_at_once(connected: Any) -> None:
    """Senders that write a PDU in two pieces wait 40 ms for a delayed ACK; Linux needs to be asked each time."""
    with contextlib.suppress(OSError, AttributeError):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
