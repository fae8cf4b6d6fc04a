"""An attempt whose process stood still while another took over: what it says afterwards overwrites nothing."""

from __future__ import annotations

import threading
from typing import Any

from activities.consignment import Answer, Consignment
from activities.dicom import DicomActivities
from models.domain.errors import PeerUnreachable
from models.domain.urgency import Urgency
from models.tables import Delivery, now
from tests.activities.misbehaving import Misbehaving, misbehaving, well
from tests.activities.parcels import TEN, Parcels, fault, ten
from tests.eventually import eventually

REFUSED, BUSY, STORED = 0x0124, 0xA700, 0x0000


def attempt(parcels: Parcels, delivery: str) -> Consignment:
    return Consignment(parcels.database, delivery, Urgency.ROUTINE)


def told(parcels: Parcels, delivery: str, uid: str) -> tuple[int, bool, int, int, str, int]:
    entry = parcels.ledger(delivery)[uid]
    return entry.status, entry.accepted, entry.round, entry.tries, entry.reason, entry.wire_count


def test_a_late_answer_overwrites_nothing_that_a_newer_attempt_wrote(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    frozen, newer = attempt(parcels, delivery), attempt(parcels, delivery)
    images, _, _ = newer.due()
    first, second, third, fourth = images[:4]
    newer.write(
        [
            Answer(first, REFUSED, now(), "newer"),
            Answer(second, STORED, now(), "newer"),
            Answer(third, BUSY, now(), "newer", settles=False),
        ]
    )
    frozen.write(
        [
            Answer(first, BUSY, now(), "late", settles=False),
            Answer(second, REFUSED, now(), "late"),
            Answer(third, REFUSED, now(), "late"),
            Answer(fourth, STORED, now(), "late"),
        ]
    )
    # Only that each was sent twice is still counted.
    assert told(parcels, delivery, first.SOPInstanceUID) == (REFUSED, False, 1, 0, "newer", 2)
    assert told(parcels, delivery, second.SOPInstanceUID) == (STORED, True, 1, 0, "newer", 2)
    assert told(parcels, delivery, third.SOPInstanceUID) == (BUSY, False, 0, 1, "newer", 2)
    # Of what nobody has answered for since, its word is the last.
    assert told(parcels, delivery, fourth.SOPInstanceUID) == (STORED, True, 1, 0, "late", 1)
    newer.write([Answer(fourth, REFUSED, now(), "newer")])
    assert told(parcels, delivery, fourth.SOPInstanceUID) == (STORED, True, 1, 0, "late", 2)


def test_an_attempt_may_overwrite_what_an_older_one_or_itself_wrote(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    older, newer = attempt(parcels, delivery), attempt(parcels, delivery)
    (image, *_), _, _ = newer.due()
    older.write([Answer(image, BUSY, now(), settles=False)])
    newer.write([Answer(image, REFUSED, now())])
    assert told(parcels, delivery, image.SOPInstanceUID)[:3] == (REFUSED, False, 1)
    newer.write([Answer(image, STORED, now())])
    assert told(parcels, delivery, image.SOPInstanceUID)[:3] == (STORED, True, 1)


def test_a_late_fault_is_not_that_of_the_delivery(parcels: Parcels) -> None:
    """The association of the attempt that stood still is cut when it goes on: by then another has sent everything."""
    delivery = parcels.release(*ten())
    taken_over, cut = threading.Event(), threading.Event()

    def stands_still(peer: Misbehaving, event: Any, n: int) -> int:
        if event.request.AffectedSOPInstanceUID == TEN[4] and not taken_over.is_set():
            taken_over.set()
            cut.wait(30)
            event.assoc.abort()
        return well(peer, event, n)

    def first() -> None:
        try:
            parcels.send(delivery, parallel=1)
        except Exception as error:  # noqa: BLE001 whatever it is, it is looked at below
            ended.append(error)

    ended: list[Exception] = []
    with misbehaving(stands_still) as peer:
        parcels.set_node(peer.port, slots=4, dimse_timeout=20.0)
        late = threading.Thread(target=first)
        late.start()
        eventually(taken_over.is_set)
        assert parcels.send(delivery, parallel=2).accepted == 10
        cut.set()
        late.join(30)
    assert ended, "the late attempt met a fault"
    assert fault(parcels, delivery) == ""
    assert {entry.accepted for entry in parcels.ledger(delivery).values()} == {True}


def test_the_fault_of_the_last_attempt_is(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    last = attempt(parcels, delivery)
    activities = DicomActivities(parcels.database, parcels.archive)
    parcels.environment.run(activities._note, delivery, PeerUnreachable("ZX2_PACS does not answer."), last)
    assert fault(parcels, delivery).startswith("ZX2_PACS does not answer.")
    with parcels.database.begin() as session:
        assert session.get_one(Delivery, delivery).attempt == 1
