"""pynetdicom's association server, hardened. The one place that touches pynetdicom's inside (pinned: 3.0.4).

pynetdicom waits without end for the rest of a PDU, buffers whatever length a PDU claims, shakes hands over TLS in
the thread that accepts, and answers a full disk by breaking off. It has a hook for the server class only, so an
association is dressed in the classes below after pynetdicom has made it. tests/edge/test_guard_contract.py
says what of pynetdicom this relies on.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from socketserver import BaseServer
from tempfile import NamedTemporaryFile
from typing import Any

import pynetdicom.acse
import pynetdicom.dimse_messages
from pydicom.uid import UID
from pynetdicom import _config
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import InvalidEventError
from pynetdicom.presentation import PresentationContext, negotiate_unrestricted
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from dicom_edge.bell import Bell, Checkpoint, WakingQueue
from dicom_edge.connections import STRANGERS, Connection, Connections
from dicom_edge.incoming import Incoming
from dicom_edge.limits import MEBIBYTE, Limits

log = logging.getLogger(__name__)

COMMAND_BYTES = MEBIBYTE
"""What of one message may be held in memory: the command set, and a data set that is no C-STORE's."""
MESSAGES_WAITING = 4
"""More complete messages than this, while one is served, break the window of one that was negotiated."""
PATIENCE = 0.05
"""Seconds that a thread waits before it looks at its timers again."""
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
    return sorted([*accepted, *refused], key=lambda context: int(context.context_id)), replies


class GuardedSocket(AssociationSocket):  # type: ignore[misc]
    """Reads one PDU within a total time and a size."""

    limits: Limits
    deadline: float
    bell: Bell

    @property
    def ready(self) -> bool:
        """Whether there is something to read; waits for it, or for the bell, or for PATIENCE."""
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        # poll, since select cannot see descriptors beyond 1023.
        poll = select.poll()
        poll.register(self.bell, select.POLLIN)
        connected = self.socket is not None and self._is_connected
        try:
            if connected:
                poll.register(self.socket, select.POLLIN)
            woken = {descriptor for descriptor, _ in poll.poll(PATIENCE * 1000)}
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False
        ringing = self.bell.fileno() in woken
        if ringing:
            self.bell.hush()
        return connected and len(woken) > ringing

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
    receiving: threading.Lock
    ended: bool

    def receive_primitive(self, primitive: Any) -> None:
        with self.receiving:
            if self.ended:
                return
            token = _new_incoming.set(self.new_incoming)
            try:
                super().receive_primitive(primitive)
                acceptable = self._held() <= COMMAND_BYTES and self.msg_queue.qsize() <= MESSAGES_WAITING
            except Exception as error:  # noqa: BLE001 a hostile command set can raise anything
                log.warning("a message could not be read: %s", type(error).__name__)
                acceptable = False
            finally:
                _new_incoming.reset(token)
            if not acceptable:
                self.dul.event_queue.put("Evt19")

    def _held(self) -> int:
        if self.message is None:
            return 0
        return sum(part.tell() for part in (self.message.encoded_command_set, self.message.data_set) if part)

    def discard(self) -> None:
        """Forget what has not been served, and take no more."""
        with self.receiving:
            self.ended = True
            unserved = [self.message] if self.message else []
            while not self.msg_queue.empty():
                _, message = self.msg_queue.get_nowait()
                unserved.append(message)
            for message in unserved:
                for name in ("_data_set_file", "_dataset_file"):
                    incoming = getattr(message, name, None)
                    if isinstance(incoming, Incoming):
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
                incoming.discard()


class GuardedHandler(RequestHandler):  # type: ignore[misc]
    """Dresses each new association."""

    def _create_association(self) -> Any:
        association = super()._create_association()
        server = self.server
        association.__class__ = GuardedAssociation
        association.connection = server.connection_of(self.request)
        association.dimse.__class__ = GuardedDIMSE
        association.dimse.new_incoming = server.new_incoming
        association.dimse.receiving = threading.Lock()
        association.dimse.ended = False
        association.dul.__class__ = GuardedDUL
        wrapped = association.dul.socket
        wrapped.__class__ = GuardedSocket
        wrapped.limits = server.limits
        wrapped.deadline = time.monotonic() + server.limits.request_seconds
        wrapped.bell = Bell()
        _wake_instead_of_polling(association, wrapped.bell)
        return association


class GuardedServer(ThreadedAssociationServer):  # type: ignore[misc]
    """Serves a listening socket that somebody else may serve too (an inherited descriptor)."""

    request_queue_size = 128
    daemon_threads = True
    socket: Any

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int],
        *args: Any,
        listening: socket.socket,
        limits: Limits,
        knows_address: Callable[[str], bool],
        new_incoming: Callable[[], Incoming],
        on_over: Callable[[Any], None],
        **options: Any,
    ) -> None:
        self.listening = listening
        self.limits = limits
        self.knows_address = knows_address
        self.new_incoming = new_incoming
        self.on_over = on_over
        self.connections = Connections(limits)
        self._by_socket: dict[int, Connection] = {}
        super().__init__(ae, address, *args, request_handler=GuardedHandler, **options)

    def server_bind(self) -> None:
        """Adopt the socket. Not blocking: a sibling may have taken the connection that woke us."""
        self.socket.close()
        self.socket = self.listening
        self.socket.setblocking(False)
        self.server_address = self.socket.getsockname()

    def shutdown(self) -> None:
        """Stop accepting. (pynetdicom's looks for the server in a list that `make_server` does not keep.)"""
        BaseServer.shutdown(self)
        self.server_close()

    def server_close(self) -> None:
        """Only this process's descriptor: a shutdown would end the sibling's listening too."""
        self.socket.close()

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            accepted, address = self.socket.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                # The connection stays in the queue; without a pause this loop would spin.
                time.sleep(0.05)
            raise
        accepted.settimeout(self.limits.request_seconds)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return accepted, address

    def process_request(self, request: Any, client_address: Any) -> None:
        place = client_address[0] if self.knows_address(client_address[0]) else STRANGERS
        connection = Connection(request, place)
        self.connections.arrived(connection)
        try:
            threading.Thread(target=self._receive, args=(connection, client_address), daemon=True).start()
        except RuntimeError:
            self.connections.left(connection)
            raise

    def _receive(self, connection: Connection, client_address: Any) -> None:
        try:
            if self.ssl_context:
                self._shake_hands(connection)
            self._by_socket[id(connection.socket)] = connection
            try:
                self.finish_request(connection.socket, client_address)
            finally:
                del self._by_socket[id(connection.socket)]
        except (OSError, RuntimeError) as error:
            # RuntimeError: the system has no more threads.
            log.info("no association with %s: %s", client_address[0], type(error).__name__)
            self.connections.left(connection)
            self.shutdown_request(connection.socket)

    def _shake_hands(self, connection: Connection) -> None:
        wrapped = self.ssl_context.wrap_socket(connection.socket, server_side=True, do_handshake_on_connect=False)
        connection.socket = wrapped
        wrapped.settimeout(self.limits.handshake_seconds)
        wrapped.do_handshake()

    def connection_of(self, request: Any) -> Connection:
        return self._by_socket[id(request)]

    def over(self, association: GuardedAssociation) -> None:
        self.connections.left(association.connection)
        association.connection.socket.close()
        self.on_over(association)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """In one line, without what the peer sent."""
        log.warning("a connection could not be served", exc_info=False)
        self.shutdown_request(request)


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
