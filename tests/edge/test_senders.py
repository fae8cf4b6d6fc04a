"""Who may send, over real sockets from several addresses."""

from __future__ import annotations

import json

import pytest

from dicom_edge.facts import AssociationRejected
from tests.edge import sender
from tests.edge.conftest import EdgeProcess, Edges, node, write_directory
from tests.edge.objects import ct
from tests.eventually import eventually


def test_changed_ae_title(edges: Edges, edge: EdgeProcess) -> None:
    """A renamed system at an address of one Institution is let in and marked; its images are not lost."""
    edges.allow(node("PACS_B", "ZX2", "127.0.0.2"), node("MODALITY_B", "ZX2", "127.0.0.2"))
    with sender.association(edges.port, calling="RENAMED", source="127.0.0.2") as made:
        assert made.send_c_store(ct()).Status == 0x0000
    (kept,) = edges.spool.ready()
    who = edges.spool.association(kept.association)
    assert who is not None
    assert (who.node_id, who.institution_id, who.standing) == (None, "ZX2", "changed-ae-title")
    assert who.calling_ae_title == "RENAMED"


@pytest.mark.parametrize(
    ("calling", "called", "source", "numbers", "reason"),
    [
        ("RENAMED", "IEP", "127.0.0.3", (1, 1, 3), "address-shared"),
        ("PACS_B", "IEP", "127.0.0.4", (1, 1, 3), "calling-ae-title-unknown"),
        ("PACS_B", "OTHER", "127.0.0.3", (1, 1, 7), "called-ae-title-unknown"),
        ("TWICE", "IEP", "127.0.0.3", (1, 1, 3), "address-shared"),
    ],
)
def test_rejected(
    edges: Edges,
    edge: EdgeProcess,
    calling: str,
    called: str,
    source: str,
    numbers: tuple[int, int, int],
    reason: str,
) -> None:
    edges.allow(
        node("PACS_B", "ZX2", "127.0.0.3"),
        node("PACS_C", "ZX3", "127.0.0.3"),
        node("TWICE", "ZX2", "127.0.0.3"),
        node("TWICE", "ZX3", "127.0.0.3"),
    )
    assert sender.rejection(edges.port, calling=calling, called=called, source=source) == numbers
    (fact,) = eventually(edges.facts)
    assert isinstance(fact, AssociationRejected)
    assert (fact.calling_ae_title, fact.called_ae_title, fact.address) == (calling, called, source)
    assert fact.reason == reason


def test_known_at_a_shared_address(edges: Edges, edge: EdgeProcess) -> None:
    edges.allow(node("PACS_B", "ZX2"), node("PACS_C", "ZX3"))
    with sender.association(edges.port, calling="PACS_C", called="IEP_ZX2") as made:
        assert made.send_c_store(ct()).Status == 0x0000
        assert made.send_c_echo().Status == 0x0000
    who = edges.spool.association(edges.spool.ready()[0].association)
    assert who is not None
    assert (who.node_id, who.institution_id, who.called_ae_title) == ("node-ZX3-PACS_C", "ZX3", "IEP_ZX2")


def test_no_directory_yet(edges: Edges) -> None:
    """For now, says the rejection; and it ends by itself."""
    edges.directory.unlink()
    edges.start()
    assert sender.rejection(edges.port) == (2, 3, 1)
    edges.directory.write_text("{not json")
    assert sender.rejection(edges.port) == (2, 3, 1)
    edges.allow(node("SENDER"))
    with sender.association(edges.port):
        pass


def test_a_judge_that_fails_lets_nobody_in(edges: Edges) -> None:
    edges.start(fault="break-admission")
    assert sender.rejection(edges.port) == (2, 3, 1)


def test_directory_changes(edges: Edges, edge: EdgeProcess) -> None:
    """Read again when rewritten; a broken one is ignored."""
    with sender.association(edges.port):
        pass
    write_directory(edges.directory, [node("PACS_B")])
    with sender.association(edges.port, calling="PACS_B"):
        pass
    broken = edges.directory.with_suffix(".broken")
    broken.write_text(json.dumps({"version": 9}))
    broken.rename(edges.directory)
    with sender.association(edges.port, calling="PACS_B"):
        pass
    write_directory(edges.directory, [])
    assert sender.rejection(edges.port, calling="PACS_B") == (1, 1, 3)


def test_rejections_cannot_fill_the_disk(edges: Edges, edge: EdgeProcess) -> None:
    """The same one is told once a minute, different ones from one address no more than twenty times."""
    for _ in range(3):
        assert sender.rejection(edges.port, called="NOBODY") == (1, 1, 7)
    eventually(lambda: edges.facts(AssociationRejected))
    for n in range(25):
        assert sender.rejection(edges.port, called=f"NOBODY{n}") == (1, 1, 7)
    assert edge.terminate() == 0
    assert len(edges.facts(AssociationRejected)) == 20
