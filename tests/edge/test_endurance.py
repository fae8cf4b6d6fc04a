"""Many associations of every kind, and mangled ones: the process stays as small as it was, and alive."""

from __future__ import annotations

import contextlib
import random
import struct

from tests.conftest import Peers
from tests.edge import sender
from tests.edge.conftest import Edges
from tests.edge.objects import SOP_CLASS, ct
from tests.eventually import eventually


def test_nothing_is_left_behind(lasting: Edges) -> None:
    """Threads, descriptors and temporary files after ends of every kind are those of before."""
    (edge,) = lasting.processes
    with sender.association(lasting.port) as made:
        assert made.send_c_echo().Status == 0x0000
    eventually(lambda: edge.threads() <= 3)
    threads, descriptors = edge.threads(), edge.descriptors()
    for _ in range(15):
        with sender.association(lasting.port) as made:
            assert made.send_c_store(ct()).Status == 0x0000
        sender.associate(lasting.port, called="NOBODY")
        aborted = sender.associate(lasting.port)
        sender.begin_store(aborted, SOP_CLASS, "1.2.3", b"\x08\0")
        aborted.abort()
        with sender.raw(lasting.port) as connected:
            connected.sendall(b"\x01\0")
        with sender.raw(lasting.port) as connected:
            connected.sendall(sender.associate_request() + b"\x04\0\0\0\0\x04")
    eventually(lambda: (edge.threads(), edge.descriptors()) == (threads, descriptors))
    assert lasting.temporary() == []
    assert len(lasting.spool.ready()) == 15


def test_mangled_pdus(peers: Peers, lasting: Edges) -> None:
    """A seeded crowd of broken A-ASSOCIATE-RQ and P-DATA PDUs: none of them harms the next legitimate peer."""
    (edge,) = lasting.processes
    chance = random.Random(20261124)
    request = sender.associate_request()
    command = sender.store_command(SOP_CLASS, "1.2.3.4")
    for n in range(200):
        opening, data = bytearray(request), bytearray(_p_data(1, 3, command) + _p_data(1, 2, b"\x08\0\x05\0CS\0\0"))
        victim = opening if n % 2 else data
        for _ in range(chance.randint(1, 4)):
            victim[chance.randrange(6, len(victim))] = chance.randrange(256)
        with sender.raw(lasting.port) as connected, contextlib.suppress(OSError):
            connected.sendall(bytes(opening))
            connected.settimeout(1)
            connected.recv(1)
            connected.sendall(bytes(data))
    assert edge.child.poll() is None
    assert sender.echo(peers.need("echoscu"), lasting.port).returncode == 0
    eventually(lambda: not lasting.temporary())


def _p_data(context: int, control: int, value: bytes) -> bytes:
    body = struct.pack(">LBB", len(value) + 2, context, control) + value
    return struct.pack(">BBL", 4, 0, len(body)) + body
