"""A connection without the 40 ms that delayed acknowledgements cost each image."""

from __future__ import annotations

import socket
from typing import Any


class QuickSocket(socket.socket):
    """A connection that neither waits for acknowledgements nor lets its peer wait for them.

    DCMTK writes a PDU's head and body apart. A body below the loopback's segment size then waits for the head's
    acknowledgement, which the kernel delays by 40 ms; asking for it after the whole PDU came is too late.
    """

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().recv(bufsize, flags)


def make_quick(event: Any) -> None:
    """Handles the opening of a connection (pynetdicom's EVT_CONN_OPEN), in either direction."""
    wrapper = event.assoc.dul.socket
    wrapper.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A connection under TLS stays what it is.
    if type(wrapper.socket) is socket.socket:
        wrapper.socket = QuickSocket(fileno=wrapper.socket.detach())


def mark(event: Any, dscp: int) -> None:
    """Handles the opening of a connection: its packets carry `dscp` (RFC 2474) from now on; 0 changes nothing."""
    if not dscp:
        return
    connection = event.assoc.dul.socket.socket
    if connection.family == socket.AF_INET6:
        connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
    else:
        connection.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
