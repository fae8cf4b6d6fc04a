"""What a sender sees, and what stands in the spool afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from dicom_edge.facts import AssociationEnded, ObjectRefused
from tests.conftest import Peers
from tests.edge import sender
from tests.edge.conftest import EdgeProcess, Edges
from tests.edge.objects import SOP_CLASS, ct, data_set_of, encoded, save
from tests.eventually import eventually

PRIVATE_CLASS = UID("1.2.826.0.1.3680043.9.9999.1.1")
PRIVATE_SYNTAX = UID("1.2.826.0.1.3680043.9.9999.2.1")


def test_storescu_stores(peers: Peers, edges: Edges, edge: EdgeProcess, tmp_path: Path) -> None:
    """Bytes as sent, a Part 10 header of our own, and who sent it."""
    files = [save(ct(), tmp_path / f"{n}.dcm") for n in range(3)]
    sent = sender.store(peers.need("storescu"), edges.port, *map(str, files))
    assert sent.returncode == 0, sent.stderr
    (ended,) = eventually(lambda: edges.facts(AssociationEnded))
    kept = edges.spool.ready()
    assert [one.n for one in kept] == [1, 2, 3]
    assert ended.stored == 3
    assert {one.association for one in kept} == {ended.association}
    for one, file in zip(kept, files, strict=True):
        assert data_set_of(one.path) == data_set_of(file)
        assert one.path.read_bytes()[:128] == bytes(128)
        meta = dcmread(one.path).file_meta
        assert meta.MediaStorageSOPInstanceUID == dcmread(file).SOPInstanceUID
        assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    who = edges.spool.association(ended.association)
    assert who is not None
    assert (who.calling_ae_title, who.called_ae_title, who.address) == ("STORESCU", "IEP", "127.0.0.1")
    assert (who.node_id, who.institution_id, who.standing, who.tls) == ("node-ZX1-STORESCU", "ZX1", "known", False)
    assert edges.temporary() == []


@pytest.mark.parametrize(("originator", "fetched"), [("IEP", True), ("SENDER", False), (None, False)])
def test_who_asked_for_an_object_is_kept_with_it(
    edges: Edges, edge: EdgeProcess, originator: str | None, fetched: bool
) -> None:
    with sender.association(edges.port) as made:
        status = made.send_c_store(ct(), originator_aet=originator, originator_id=1 if originator else None)
    assert status.Status == 0x0000
    (kept,) = edges.spool.ready()
    assert kept.fetched is fetched


def test_echo_leaves_nothing(peers: Peers, edges: Edges, edge: EdgeProcess) -> None:
    assert sender.echo(peers.need("echoscu"), edges.port).returncode == 0
    assert edge.terminate() == 0
    assert edges.facts() == []
    assert edges.spool.associations() == []


def test_private_class_and_unknown_syntax(edges: Edges, edge: EdgeProcess) -> None:
    """Any storage class is taken; of the transfer syntaxes the first that the standard knows."""
    ds = ct()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = PRIVATE_CLASS
    contexts = [(PRIVATE_CLASS, [PRIVATE_SYNTAX, ExplicitVRLittleEndian]), (SOP_CLASS, [PRIVATE_SYNTAX])]
    with sender.association(edges.port, contexts=contexts) as made:
        assert [str(context.transfer_syntax[0]) for context in made.accepted_contexts] == [ExplicitVRLittleEndian]
        assert made.send_c_store(ds).Status == 0x0000
    assert len(edges.spool.ready()) == 1


def test_compressed_syntax_stays(edges: Edges, edge: EdgeProcess) -> None:
    contexts = [(SOP_CLASS, [JPEGLosslessSV1, ImplicitVRLittleEndian])]
    with sender.association(edges.port, contexts=contexts) as made:
        assert str(made.accepted_contexts[0].transfer_syntax[0]) == JPEGLosslessSV1


def test_queries_are_not_served(edges: Edges, edge: EdgeProcess) -> None:
    contexts = [(StudyRootQueryRetrieveInformationModelFind, [ImplicitVRLittleEndian])]
    made = sender.associate(edges.port, contexts=contexts)
    assert made.accepted_contexts == []


def test_deflated(edges: Edges, edge: EdgeProcess) -> None:
    ds = ct()
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with sender.association(edges.port, contexts=[(SOP_CLASS, [DeflatedExplicitVRLittleEndian])]) as made:
        assert made.send_c_store(ds).Status == 0x0000


def test_refused_object_does_not_end_the_association(edges: Edges, edge: EdgeProcess) -> None:
    good, contradictory = ct(), ct()
    with sender.association(edges.port) as made:
        assert made.send_c_store(good).Status == 0x0000
        assert sender.send_bytes(made, encoded(contradictory), SOP_CLASS, "1.2.3") == 0xA900
        assert made.send_c_store(contradictory).Status == 0x0000
    (ended,) = eventually(lambda: edges.facts(AssociationEnded))
    assert ended.stored == 2
    (refused,) = edges.facts(ObjectRefused)
    assert (refused.SOPInstanceUID, refused.status, refused.reason) == ("1.2.3", 0xA900, "instance-mismatch")
    assert [one.n for one in edges.spool.ready()] == [1, 2]
    assert edges.temporary() == []


@pytest.mark.parametrize("how", ["abort", "close"])
def test_peer_gone_amid_a_store(edges: Edges, edge: EdgeProcess, how: str) -> None:
    """No file is left, the association has ended exactly once, what was acknowledged before stays."""
    made = sender.associate(edges.port)
    assert made.send_c_store(ct()).Status == 0x0000
    sender.begin_store(made, SOP_CLASS, "1.2.3.4", encoded(ct())[:100])
    eventually(edges.temporary)
    if how == "abort":
        made.abort()
    else:
        made.dul.socket.socket.shutdown(2)
    eventually(lambda: not edges.temporary())
    (ended,) = eventually(lambda: edges.facts(AssociationEnded))
    assert ended.stored == 1
    made.abort()
    assert edge.terminate() == 0
    assert len(edges.facts(AssociationEnded)) == 1


def test_sigterm_lets_finish(edges: Edges, edge: EdgeProcess) -> None:
    """An association under way goes on; nobody new is let in; the exit is clean."""
    with sender.association(edges.port) as made:
        assert made.send_c_store(ct()).Status == 0x0000
        edge.child.terminate()
        eventually(lambda: "stopping" in edge.log.read_text())
        assert made.send_c_store(ct()).Status == 0x0000
    assert edge.child.wait(20) == 0
    assert len(edges.spool.ready()) == 2
    (ended,) = edges.facts(AssociationEnded)
    assert not edges.spool.edge_is_alive(edges.spool.association(ended.association).edge)  # type: ignore[union-attr]


def test_sigterm_aborts_after_grace(edges: Edges) -> None:
    edge = edges.start(grace=0.2)
    made = sender.associate(edges.port)
    assert made.send_c_store(ct()).Status == 0x0000
    assert edge.terminate() == 0
    eventually(lambda: not made.is_established)
    assert len(edges.facts(AssociationEnded)) == 1


def test_sigterm_with_silent_connections(edges: Edges) -> None:
    """Those who have asked for nothing do not delay the end."""
    edge = edges.start(grace=0.2, limits={"request_seconds": 100, "idle_seconds": 100})
    silent = [sender.raw(edges.port) for _ in range(5)]
    for connected in silent[:3]:
        connected.sendall(b"\x01\x00")
    eventually(lambda: edge.threads() > 10)
    assert edge.terminate() == 0
    for connected in silent:
        connected.close()


def test_large_object_stays_off_the_heap(peers: Peers, edges: Edges, edge: EdgeProcess, tmp_path: Path) -> None:
    """100 MB: the process grows by less than 30 MB."""
    small = save(ct(), tmp_path / "small.dcm")
    assert sender.store(peers.need("storescu"), edges.port, str(small)).returncode == 0
    before = edge.peak_memory()
    large = save(ct(10_000, 5_000), tmp_path / "large.dcm")
    assert sender.store(peers.need("storescu"), edges.port, str(large)).returncode == 0
    assert edge.peak_memory() - before < 30_000_000
    assert max(one.path.stat().st_size for one in edges.spool.ready()) > 100_000_000
