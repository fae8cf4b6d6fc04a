"""The spool by itself: names, locks, the janitor, and what a reader sees."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_edge import spool as module
from dicom_edge.facts import (
    Association,
    AssociationEnded,
    AssociationRejected,
    Fact,
    ObjectRefused,
    Standing,
    utc_now,
)
from dicom_edge.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def association(spool: Spool, name: str = "a" * 32) -> Association:
    return Association(
        association=name,
        edge=spool.edge,
        calling_ae_title="SENDER",
        called_ae_title="IEP",
        address="127.0.0.1",
        node_id=None,
        institution_id="ZX1",
        standing=Standing.CHANGED_AE_TITLE,
        tls=False,
        opened_at=utc_now(),
    )


def arrived(spool: Spool, content: bytes = b"object") -> Path:
    path = spool.new_path()
    path.write_bytes(content)
    return path


def test_kept_objects_in_order(spool: Spool) -> None:
    for n in (2, 10, 1):
        spool.keep(arrived(spool, str(n).encode()), "b" * 32, n)
    kept = spool.ready()
    assert [(one.n, one.path.read_bytes()) for one in kept] == [(1, b"1"), (2, b"2"), (10, b"10")]
    spool.forget(kept[0])
    spool.forget(kept[0])
    assert [one.n for one in spool.ready()] == [2, 10]


def test_what_was_moved_at_our_request_is_known_as_that(spool: Spool) -> None:
    spool.keep(arrived(spool), "b" * 32, 1)
    spool.keep(arrived(spool), "b" * 32, 2, fetched=True)
    assert [(one.association, one.n, one.fetched) for one in spool.ready()] == [
        ("b" * 32, 1, False),
        ("b" * 32, 2, True),
    ]


@pytest.mark.parametrize("at", ["file", "folder"])
def test_what_cannot_be_synced_is_gone(spool: Spool, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    fsync = module._fsync

    def failing(path: Path, flags: int) -> None:
        if bool(flags & os.O_DIRECTORY) == (at == "folder"):
            raise OSError(errno.EIO, "injected")
        fsync(path, flags)

    path = arrived(spool)
    monkeypatch.setattr(module, "_fsync", failing)
    with pytest.raises(OSError, match="injected"):
        spool.keep(path, "c" * 32, 1)
    assert spool.ready() == []
    assert not path.exists()


def test_associations_on_record(spool: Spool) -> None:
    one = association(spool)
    spool.record_association(one)
    assert spool.associations() == [one.association]
    assert spool.association(one.association) == one
    spool.forget_association(one.association)
    assert spool.association(one.association) is None


@pytest.mark.parametrize(
    "fact",
    [
        AssociationEnded("a" * 32, "2026-01-01T00:00:00+00:00", 3),
        AssociationRejected("SENDER", "IEP", "127.0.0.1", "spool-low", "2026-01-01T00:00:00+00:00"),
        ObjectRefused("a" * 32, "1.2", '"\n', 0xC000, "truncated", "2026-01-01T00:00:00+00:00"),
    ],
)
def test_facts(spool: Spool, fact: Fact) -> None:
    spool.report(fact)
    (event,) = spool.events()
    assert event.fact == fact
    spool.forget(event)
    assert spool.events() == []


def test_lock_dies_with_its_process(spool: Spool) -> None:
    """A reader takes a dead edge for dead, whatever ended it; reading does not disturb a living one."""
    code = (
        "import sys, pathlib; from dicom_edge.spool import Spool; s = Spool(pathlib.Path(sys.argv[1])); s.enter();"
        "s.new_path().write_bytes(b'half'); print(s.edge, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(spool.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as other:
        assert other.stdout is not None
        edge = other.stdout.readline().strip()
        assert all(spool.edge_is_alive(edge) for _ in range(3))
        spool.enter()
        assert len(list(spool.tmp.iterdir())) == 1, "a living edge's file is not touched"
        other.kill()
        other.wait(10)
    assert not spool.edge_is_alive(edge)
    assert spool.edge_is_alive(spool.edge)
    spool.leave()
    assert not spool.edge_is_alive(spool.edge)
    next_edge = Spool(spool.root)
    next_edge.enter()
    assert list(spool.tmp.iterdir()) == []
    assert [path.stem for path in (spool.root / "edges").iterdir()] == [next_edge.edge]
    next_edge.leave()


def test_no_inodes_is_no_space(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert spool.free_bytes() > 0
    status = os.statvfs(spool.root)
    full = os.statvfs_result((*status[:5], 100, 0, 0, *status[8:]))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert spool.free_bytes() == 0


def test_two_edges_that_start_together_leave_each_other_alone(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one's janitor comes by between the making of the lock and its naming."""
    other = Spool(spool.root)
    flock = fcntl.flock

    def meanwhile(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        other.enter()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    spool.enter()
    assert spool.edge_is_alive(spool.edge)
    assert spool.edge_is_alive(other.edge)
    spool.leave()
    other.leave()
