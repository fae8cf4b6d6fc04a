"""One study pushed by two Institutions to one destination: two patients are never delivered as one study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pynetdicom.association import Association

from demo.patients import ADA, BORIS, Patient
from demo.studies import Study, make_study
from models.domain.contracts import CommandKind
from models.other_sources import OF_ANOTHER_PERSON
from tests.conftest import Peers
from tests.edge import sender
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import count
from tests.eventually import eventually

ADDRESSES = {"ZX1": "127.0.0.3", "ZX3": "127.0.0.4"}
SENDERS = {"ZX1": "FIRSTSCU", "ZX3": "SECONDSCU"}


@pytest.fixture(scope="module", autouse=True)
def senders(exchange: Exchange) -> None:
    for code, ae_title in SENDERS.items():
        site.add_sender(exchange, code, ae_title, ADDRESSES[code], quiet=2)


def images(folder: Path, source: str, patient: Patient, seed: str, *numbers: int, comment: str = "") -> list[Dataset]:
    """Some images of the study `seed`, as `source` has them: the same UIDs at every Institution."""
    make_study(
        folder, seed=seed, patient=patient, institution_id=source, n=3, rows=site.SMALL, columns=site.SMALL
    )  # fmt: skip
    found: list[Dataset] = [dcmread(folder / f"{number}.dcm") for number in numbers]
    for image in found:
        image.StudyComments = comment
    return found


@contextmanager
def connected(exchange: Exchange, source: str, called: str) -> Iterator[Association]:
    port = exchange.port("dicom")
    with sender.association(port, calling=SENDERS[source], called=called, source=ADDRESSES[source]) as made:
        yield made


def push(exchange: Exchange, source: str, objects: list[Dataset], called: str = "IEP_ZX2") -> None:
    with connected(exchange, source, called) as made:
        store(made, objects)


def store(made: Association, objects: list[Dataset]) -> None:
    for one in objects:
        assert made.send_c_store(one).Status == 0


def uid_of(seed: str) -> str:
    return Study(seed, "ZX1", ADA, "CT", 3).study_instance_uid


def at_zx2(exchange: Exchange, peers: Peers, uid: str) -> int:
    return count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), uid)


def test_the_second_of_another_patient_is_held_and_nothing_of_it_is_sent(
    exchange: Exchange, peers: Peers, tmp_path: Path
) -> None:
    uid = uid_of("two-patients")
    push(exchange, "ZX1", images(tmp_path, "ZX1", ADA, "two-patients", 1, comment="IEP:ZX2"), "IEP")
    exchange.in_state(uid, "confirmed")
    push(exchange, "ZX3", images(tmp_path, "ZX3", BORIS, "two-patients", 2, 3, comment="IEP:ZX2"), "IEP")
    _, second = exchange.in_state(uid, "confirmed", "held")
    assert second.sentence.startswith(f"Held: {OF_ANOTHER_PERSON} ZX3's PACS officer refuses it")
    assert second.delivery is None
    refusal = site.decide(
        exchange, CommandKind.ASSIGN_ARRIVAL, second.arrival, "ZX3", worklist_id=site.worklist_of(exchange, "ZX2")
    )
    assert refusal.startswith(OF_ANOTHER_PERSON)
    assert at_zx2(exchange, peers, uid) == 1


def test_cut_through_stops_and_goes_on_when_the_other_is_refused(
    exchange: Exchange, peers: Peers, tmp_path: Path
) -> None:
    uid = uid_of("cut-through-of-two")
    with connected(exchange, "ZX1", "IEP_ZX2") as made:
        ours = images(tmp_path, "ZX1", ADA, "cut-through-of-two", 1, 2, 3)
        store(made, ours[:2])
        eventually(lambda: [one.accepted for one in exchange.standings(uid)] == [2], timeout=30)
        push(exchange, "ZX3", images(tmp_path, "ZX3", BORIS, "cut-through-of-two", 1, 2, 3))
        eventually(lambda: exchange.standings(uid)[0].transaction.state == "needs-attention", timeout=30)
        store(made, ours[2:])
    first, second = exchange.in_state(uid, "held", "held")
    assert first.delivery
    assert first.delivery.state_detail == f"{OF_ANOTHER_PERSON} 2 of 2 are already at ZX2_PACS; ring its people."
    assert second.delivery is None
    assert at_zx2(exchange, peers, uid) == 2
    assert site.decide(exchange, CommandKind.REFUSE_ARRIVAL, second.arrival, "ZX3") == ""
    zx2 = site.worklist_of(exchange, "ZX2")
    assert site.decide(exchange, CommandKind.ASSIGN_ARRIVAL, first.arrival, "ZX1", worklist_id=zx2) == ""
    assert site.decide(exchange, CommandKind.RETRY_DELIVERY, first.delivery, "ZX2") == ""
    exchange.in_state(uid, "confirmed", "refused")
    assert at_zx2(exchange, peers, uid) == 3


def test_one_patient_from_two_sources_is_delivered_from_both(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    uid = uid_of("one-patient")
    assert ADA.local_id("ZX1") != ADA.local_id("ZX3")
    ours = images(tmp_path, "ZX1", ADA, "one-patient", 1, 2)
    theirs = images(tmp_path, "ZX3", ADA, "one-patient", 3)
    # One examination keeps its accession number; a PACS lists a study under one only.
    theirs[0].AccessionNumber = ours[0].AccessionNumber
    push(exchange, "ZX1", ours)
    push(exchange, "ZX3", theirs)
    exchange.in_state(uid, "confirmed", "confirmed")
    assert at_zx2(exchange, peers, uid) == 3
