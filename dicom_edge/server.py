"""The server that accepts connections: on an inherited socket, without waiting for anybody.

It uses what pynetdicom offers (`AE.make_server(..., server_class=...)`); what it must change inside an association
is in guard.py.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from collections.abc import Callable
from socketserver import BaseServer
from typing import Any

from pynetdicom.ae import ApplicationEntity
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from dicom_edge.connections import STRANGERS, Connection, Connections
from dicom_edge.guard import GuardedAssociation, dress
from dicom_edge.incoming import Incoming
from dicom_edge.limits import Limits

log = logging.getLogger(__name__)


class GuardedHandler(RequestHandler):  # type: ignore[misc]
    """Makes the association of one connection."""

    def _create_association(self) -> Any:
        association = super()._create_association()
        server = self.server
        dress(association, server.connection_of(self.request), server.limits, server.new_incoming)
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
        except Exception as error:  # noqa: BLE001 a failed handshake, or a system without threads to spare
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
