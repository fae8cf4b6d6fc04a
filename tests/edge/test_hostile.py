"""Peers that stall, lie and swamp, while a legitimate one is served."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from dicom_edge.facts import ObjectRefused
from tests.conftest import Peers
from tests.edge import sender
from tests.edge.conftest import EdgeProcess, Edges, node
from tests.edge.objects import SOP_CLASS, ct, encoded
from tests.eventually import eventually

STALLED = 50


@pytest.fixture
def stalled(edges: Edges, edge: EdgeProcess) -> Iterator[list[socket.socket]]:
    """Fifty connections, from the address of the legitimate sender too, that send three bytes and wait."""
    opened = []
    for n in range(STALLED):
        connected = sender.raw(edges.port, "127.0.0.1" if n % 2 else "127.0.0.9")
        # Over the limit the edge may have hung up already.
        with contextlib.suppress(ConnectionError):
            connected.sendall(b"\x01\x00\x00")
        opened.append(connected)
    yield opened
    for connected in opened:
        connected.close()


def test_stalled_connections(peers: Peers, edges: Edges, edge: EdgeProcess, stalled: list[socket.socket]) -> None:
    """A legitimate C-ECHO and C-STORE go through all the while; the threads stay within bounds."""
    program = peers.need("echoscu")
    for _ in range(3):
        assert sender.echo(program, edges.port).returncode == 0
    with sender.association(edges.port) as made:
        assert made.send_c_store(ct()).Status == 0x0000
    # Two threads for each of the connections that may be pending, two listening addresses of peers.
    assert edge.threads() < 2 * 2 * 16 + 20


def test_stalled_connections_end(edges: Edges) -> None:
    edge = edges.start(limits={"request_seconds": 1})
    calm = edge.threads()
    stalled = [sender.raw(edges.port) for _ in range(5)]
    silent = [sender.raw(edges.port) for _ in range(5)]
    for connected in stalled:
        connected.sendall(b"\x01\x00\x00")
    assert all(sender.is_closed(connected, 10) for connected in stalled + silent)
    eventually(lambda: edge.threads() == calm)
    for connected in stalled + silent:
        connected.close()


def test_drip(edges: Edges) -> None:
    """A byte now and then does not prolong the time that a PDU has."""
    edges.start(limits={"request_seconds": 1})
    request = sender.associate_request()
    with sender.raw(edges.port) as connected:
        began = time.monotonic()
        sent = 0
        with contextlib.suppress(ConnectionError):
            for byte in request:
                connected.sendall(bytes([byte]))
                sent += 1
                if time.monotonic() - began > 15:
                    break
                threading.Event().wait(0.1)
        assert sent < len(request)
        assert sender.is_closed(connected, 5)


def test_four_gibibyte_pdu(edges: Edges, edge: EdgeProcess) -> None:
    """Its length alone ends the connection: before an association, and within one."""
    before = edge.peak_memory()
    with sender.raw(edges.port) as connected:
        connected.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFFF))
        assert sender.is_closed(connected, 10)
    with sender.raw(edges.port) as connected:
        connected.sendall(sender.associate_request())
        assert connected.recv(1)[0] == 2
        with contextlib.suppress(ConnectionError):
            connected.sendall(struct.pack(">BBL", 4, 0, 0xFFFFFFFF) + bytes(1_000_000))
        assert sender.is_closed(connected, 10)
    assert edge.peak_memory() - before < 10_000_000


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n",
        struct.pack(">BBL", 1, 0, 4) + b"\xff\xff\xff\xff",
        struct.pack(">BBL", 1, 0, 200) + bytes(200),
        struct.pack(">BBL", 9, 0, 0),
        struct.pack(">BBL", 4, 0, 6) + struct.pack(">LBB", 2, 1, 3),
    ],
)
def test_no_association_at_all(peers: Peers, edges: Edges, edge: EdgeProcess, garbage: bytes) -> None:
    with sender.raw(edges.port) as connected:
        connected.sendall(garbage)
        connected.shutdown(socket.SHUT_WR)
        assert sender.is_closed(connected, 15)
    assert sender.echo(peers.need("echoscu"), edges.port).returncode == 0


def test_memory_of_one_message_is_bounded(edges: Edges, edge: EdgeProcess) -> None:
    """A command set without end, and the data set of a message that is no C-STORE."""
    before = edge.peak_memory()
    endless = sender.associate(edges.port)
    for _ in range(200):
        if not endless.is_established:
            break
        sender.send_fragment(endless, 1, bytes(100_000))
    eventually(lambda: not endless.is_established)
    assert edge.peak_memory() - before < 15_000_000


def test_requests_without_waiting(edges: Edges, edge: EdgeProcess) -> None:
    """A sender that does not wait for answers (a window of one was negotiated) is cut off; no file is left."""
    made = sender.associate(edges.port)
    data_set = encoded(ct())
    for n in range(400):
        sender.send_fragment(made, 3, sender.store_command(SOP_CLASS, f"1.2.{n}", n))
        sender.send_fragment(made, 2, data_set)
    eventually(lambda: not made.is_established)
    eventually(lambda: not edges.temporary())
    assert len(edges.facts(ObjectRefused)) < 400


def test_strangers_share_their_places(peers: Peers, edges: Edges) -> None:
    """Addresses that no Node has cannot take the places of those that Nodes have."""
    edge = edges.start(limits={"request_seconds": 100})
    edges.allow(node("ECHOSCU"))
    strangers = [sender.raw(edges.port, f"127.0.1.{n + 1}") for n in range(40)]
    assert sender.echo(peers.need("echoscu"), edges.port).returncode == 0
    eventually(lambda: edge.threads() < 2 * 16 + 20)
    for connected in strangers:
        connected.close()
