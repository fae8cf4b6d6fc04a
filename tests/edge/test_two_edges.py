"""Two processes on one inherited socket."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Peers
from tests.edge import sender
from tests.edge.conftest import Edges
from tests.edge.objects import ct, save
from tests.eventually import eventually


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(save(ct(128, 128), tmp_path / f"{n}.dcm")) for n in range(8)]


def test_one_stops_and_is_killed(peers: Peers, edges: Edges, files: list[str]) -> None:
    """Connections made while one process hangs are served by the other; none is reset, all is stored."""
    hanging, _ = edges.start(), edges.start()
    os.kill(hanging.pid, signal.SIGSTOP)
    program = peers.need("storescu")
    senders = [
        subprocess.Popen(
            [program, "-aec", "IEP", "127.0.0.1", str(edges.port), *files],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for _ in range(4)
    ]
    hanging.kill()
    for one in senders:
        output, _ = one.communicate(timeout=60)
        assert one.returncode == 0, output
    assert len(edges.spool.ready()) == 4 * len(files)


def test_the_dead_edge_is_known(edges: Edges) -> None:
    """Its lock is free, its sibling's is not; a sibling's leaving does not end the listening."""
    first, second = edges.start(), edges.start()
    with sender.association(edges.port) as made:
        assert made.send_c_store(ct()).Status == 0x0000
        who = edges.spool.association(edges.spool.ready()[0].association)
        assert who is not None
        assert edges.spool.edge_is_alive(who.edge)
        serving, other = (first, second) if who.edge in first.log.read_text() else (second, first)
        serving.kill()
    eventually(lambda: not edges.spool.edge_is_alive(who.edge))
    with sender.association(edges.port) as made:
        assert made.send_c_store(ct()).Status == 0x0000
    edges.start()
    assert other.terminate() == 0
    with sender.association(edges.port) as made:
        assert made.send_c_store(ct()).Status == 0x0000
    assert len(edges.spool.ready()) == 3
