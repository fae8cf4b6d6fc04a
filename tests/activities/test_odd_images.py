"""An image that the Node does not take as it is: converted where nothing is lost, else set aside; the rest goes on."""

from __future__ import annotations

from collections import Counter

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import JPEG2000, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from activities.journal import JournalActivities
from models.domain.contracts import CommandKind, Transition, Verdict
from models.outbox import post
from models.queries.set_aside import images_set_aside
from models.tables import Delivery, Node, new_id, now
from tests.activities.misbehaving import CT, EXPLICIT, IMPLICIT, each, misbehaving, well
from tests.activities.parcels import TEN, Parcels, ten
from tests.ingest.filling import small_ct

MR = "1.2.840.10008.5.1.4.1.1.4"


def compressed(n: int, syntax: str = RLELossless, **elements: str) -> Dataset:
    """The `n`th image of the study of `small_ct`."""
    image = small_ct(n, Rows=64, Columns=64, PixelData=bytes([n]) * 64 * 64 * 2, **elements)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.compress(syntax, generate_instance_uid=False)
    return image


def bring(parcels: Parcels, *images: tuple[Dataset, str]) -> str:
    """Each in its own transfer syntax; the delivery of all."""
    association = parcels.filling.open()
    for image, syntax in images:
        parcels.filling.keep(association, image, syntax=syntax)
    parcels.filling.close(association)
    parcels.filling.ingest.round()
    return parcels.open()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_what_is_compressed_without_loss_is_decompressed_for_a_node_that_wants_it_so(
    parcels: Parcels, syntax: str
) -> None:
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (compressed(2), RLELossless), (small_ct(3), IMPLICIT))
    with misbehaving(syntaxes=[syntax]) as peer:
        parcels.set_node(peer.port)
        report = parcels.send(delivery)
        assert (report.accepted, report.total, report.sentence) == (3, 3, "")
        assert parcels.compare(delivery).verdict == "confirmed"
        assert peer.kept[TEN[1]].PixelData == bytes([2]) * 64 * 64 * 2
    assert {entry.syntax for entry in parcels.ledger(delivery).values()} == {"", syntax}
    assert parcels.ledger(delivery)[TEN[1]].syntax == syntax


def test_what_the_node_takes_as_it_is_is_not_converted(parcels: Parcels) -> None:
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (compressed(2), RLELossless))
    with misbehaving(syntaxes=[EXPLICIT, IMPLICIT, RLELossless]) as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery).accepted == 2
    assert {entry.syntax for entry in parcels.ledger(delivery).values()} == {""}


def test_what_may_have_lost_and_does_not_say_so_is_set_aside_and_the_rest_goes_on(parcels: Parcels) -> None:
    odd = compressed(2, JPEG2000Lossless)
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (odd, JPEG2000), (small_ct(3), EXPLICIT))
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        report = parcels.send(delivery)
        assert (report.accepted, report.total) == (2, 3)
        assert report.sentence == (
            "ZX2_PACS did not take 1: transfer syntax JPEG 2000 cannot be converted: "
            "it may have been compressed with loss and does not say so (0122)."
        )
        assert odd.SOPInstanceUID not in peer.received
    assert parcels.ledger(delivery)[odd.SOPInstanceUID].wire_count == 0


def test_what_has_lost_and_says_so_stays_marked(parcels: Parcels) -> None:
    odd = compressed(2, JPEG2000Lossless, LossyImageCompression="01", LossyImageCompressionRatio="10")
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (odd, JPEG2000))
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery).accepted == 2
        got = peer.kept[odd.SOPInstanceUID]
    assert (got.LossyImageCompression, got.LossyImageCompressionRatio) == ("01", 10)


def test_what_cannot_be_decoded_is_set_aside(parcels: Parcels) -> None:
    odd = compressed(2)
    odd.PixelData = odd.PixelData[:40] + b"\xff" * (len(odd.PixelData) - 48) + odd.PixelData[-8:]
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (odd, RLELossless))
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        report = parcels.send(delivery)
    assert report.accepted == 1
    assert "cannot be converted: its pixels cannot be decoded (0122)" in report.sentence


def test_a_class_that_the_node_does_not_take_is_refused_alone(parcels: Parcels) -> None:
    mr = small_ct(2, SOPClassUID=MR, Modality="MR")
    delivery = parcels.release(small_ct(1), mr, small_ct(3))
    with misbehaving(classes=[CT]) as peer:
        parcels.set_node(peer.port)
        report = parcels.send(delivery)
    assert (report.accepted, report.total) == (2, 3)
    assert report.sentence == "ZX2_PACS did not take 1: class MR Image Storage is not supported there (0122)."
    assert len(peer.received) == 2


def test_the_archive_keeps_what_was_received(parcels: Parcels) -> None:
    delivery = bring(parcels, (compressed(1), RLELossless))
    files = {path: path.read_bytes() for path in parcels.archive.root.rglob("*") if path.is_file()}
    with misbehaving(syntaxes=[IMPLICIT]) as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery).accepted == 1
    assert {path: path.read_bytes() for path in parcels.archive.root.rglob("*") if path.is_file()} == files


def decide(parcels: Parcels, delivery: str, event: str, **content: object) -> None:
    """The step by which a person's decision about what was set aside is written."""
    with parcels.database.begin() as session:
        round_now = session.get_one(Delivery, delivery).round
        command = new_id()
        post(
            session,
            command,
            institution_id="ZX2",
            kind=CommandKind.LEAVE_OUT_DELIVERY,
            subject_id=delivery,
            actor=parcels.filling.registry.accounts["officer.zx2"],
            content={"round": round_now} | content,
        )
        actor = parcels.filling.registry.accounts["officer.zx2"]
    step = Transition(
        "delivery", delivery, new_id(), 1, event, "needs-attention", "sending", actor, now(), content_id=command
    )
    parcels.environment.run(JournalActivities(parcels.database).record, (step,))


def test_what_is_left_out_is_not_sent_and_the_rest_is_confirmed_in_part(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(each({TEN[3]: 0xC000})) as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery).accepted == 9
        decide(parcels, delivery, "left-out", reason="It is a scout.")
        report = parcels.send(delivery)
        assert (report.accepted, report.total, report.sentence) == (9, 10, "")
        assert len(peer.received) == 11, "what is not understood is sent twice"
        comparison = parcels.compare(delivery)
    assert (comparison.verdict, comparison.present, comparison.left_out) == (Verdict.CONFIRMED, 9, 1)
    with parcels.database.begin() as session:
        row = session.get_one(Delivery, delivery)
        assert row.left_out_because == "It is a scout."
        assert row.left_out_by == parcels.filling.registry.accounts["officer.zx2"]
        (one,) = images_set_aside(session, row)
    assert (one.count, one.numbers, one.left_out, one.kind) == (1, (4,), True, "CT Image Storage")
    assert one.reason == "not understood (C000)"


def test_what_was_decided_in_view_of_another_round_leaves_nothing_out(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(each({TEN[3]: 0x0122})) as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        decide(parcels, delivery, "left-out", reason="It is a scout.", round=7)
        assert "did not take 1" in parcels.send(delivery).sentence
    assert Counter(peer.received)[TEN[3]] == 2


def test_what_the_node_refuses_as_it_is_goes_uncompressed_once_somebody_says_so(parcels: Parcels) -> None:
    """It takes the transfer syntax when it is asked, and not the image."""
    delivery = bring(parcels, (small_ct(1), EXPLICIT), (compressed(2), RLELossless))
    with misbehaving(each({TEN[1]: 0x0122}), syntaxes=[EXPLICIT, RLELossless]) as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery).accepted == 1
        with parcels.database.begin() as session:
            assert [one.convertible for one in images_set_aside(session, session.get_one(Delivery, delivery))] == [True]
        decide(parcels, delivery, "converted", reason="By telephone.")
        peer.answer = well
        assert parcels.send(delivery).accepted == 2
        assert peer.kept[TEN[1]].PixelData == bytes([2]) * 64 * 64 * 2
    assert parcels.ledger(delivery)[TEN[1]].syntax == EXPLICIT


def test_another_node_is_offered_what_the_first_did_not_take(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(each({TEN[3]: 0x0122})) as peer, misbehaving() as other:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        decide(parcels, delivery, "left-out", reason="It is a scout.")
        with parcels.database.begin() as session:
            row = session.get_one(Delivery, delivery)
            node = Node(institution_id="ZX2", name="ZX2_OTHER", ae_title="ZX2_OTHER", host="127.0.0.1", port=other.port)
            session.add(node)
            session.flush()
            row.node_id, row.node = node.id, node
        assert parcels.send(delivery).accepted == 10
        assert parcels.compare(delivery).left_out == 0
    assert len(other.received) == 10
