"""ZX1 sends from its own PACS without being asked: fetched by C-MOVE or C-GET, delivered to ZX2, confirmed there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread
from sqlalchemy import select

from demo.patients import FARAH
from demo.studies import Study
from models.domain.urgency import Urgency
from models.queries.standing import standings
from models.tables import Account, Node, Transaction, new_id
from models.transfers import PickedStudy, TransferEntry, place
from tests.conftest import Peers
from tests.edge import sender
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import count, orthanc
from tests.eventually import eventually
from tests.faults.invariants import left_in_spool


def kept(exchange: Exchange, folder: Path, seed: str, n: int, port: int = 0) -> Study:
    """A study that ZX1's PACS holds, or its other one at `port`."""
    study = site.study(folder / seed, seed, n, FARAH)
    with sender.association(port or exchange.port("ZX1_PACS"), calling="MODALITY", called="ZX1_PACS") as made:
        for number in range(1, n + 1):
            assert made.send_c_store(dcmread(folder / seed / f"{number}.dcm")).Status == 0x0000
    return study


def sent(exchange: Exchange, studies: Sequence[Study], pacs: str = "ZX1_PACS") -> str:
    """ZX1's officer sends them to ZX2; the reference."""
    with exchange.database.begin() as session:
        who = session.scalars(select(Account.id).where(Account.username == "officer.zx1")).one()
        node = session.scalars(select(Node.id).where(Node.name == pacs)).one()
        entry = TransferEntry(
            node_id=node,
            worklist_id=site.worklist_of(exchange, "ZX2"),
            recipient="Dr Example Reader",
            call_back="01632 960010",
            reason="Second opinion",
            urgency=Urgency.URGENT,
            studies=tuple(PickedStudy(study.study_instance_uid, description="CT Thorax") for study in studies),
        )
        return place(session, institution_id="ZX1", account_id=who, command_id=new_id(), entry=entry)


def sentence(exchange: Exchange, reference: str) -> str:
    with exchange.database.begin() as session:
        one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        return standings(session, [one])[0].sentence


def says(exchange: Exchange, reference: str, words: str, timeout: float = 60) -> None:
    try:
        eventually(lambda: sentence(exchange, reference).startswith(words), timeout=timeout)
    except AssertionError:
        raise AssertionError(sentence(exchange, reference)) from None


def test_two_studies_come_and_are_confirmed(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    studies = [kept(exchange, tmp_path, f"transfer-{n}", n) for n in (5, 7)]
    reference = sent(exchange, studies)
    says(exchange, reference, "Fulfilled: 2 studies with 12 images delivered to ZX2.")
    for study, n in zip(studies, (5, 7), strict=True):
        (one,) = exchange.in_state(study.study_instance_uid, "confirmed")
        assert one.arrival is not None
        assert one.arrival.basis == f"{n} of {n}, by ZX1_PACS's own list."
        assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == n


def test_from_a_pacs_that_does_not_know_us_by_c_get(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    with orthanc(peers, tmp_path, "ZX1_ARCHIVE") as port:
        address = ("--host", "127.0.0.1", "--port", str(port))
        done = exchange.iep("nodes", "add", "ZX1", "ZX1_ARCHIVE", "ZX1_ARCHIVE", *address, "--retrieve-by", "get")
        assert done.returncode == 0, done.stderr
        study = kept(exchange, tmp_path, "transfer-by-get", 9, port)
        reference = sent(exchange, [study], "ZX1_ARCHIVE")
        says(exchange, reference, "Fulfilled: 1 study with 9 images delivered to ZX2.")
    (one,) = exchange.in_state(study.study_instance_uid, "confirmed")
    assert one.arrival is not None
    assert (one.arrival.calling_ae_title, one.arrival.basis) == ("ZX1_ARCHIVE", "9 of 9, by ZX1_ARCHIVE's own list.")
    assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == 9


def test_a_study_that_was_pushed_before_comes_all_the_same(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    study = kept(exchange, tmp_path, "transfer-pushed-before", 4)
    with sender.association(exchange.port("dicom"), calling="STORESCU", called="IEP") as made:
        for number in range(1, 4):
            image = dcmread(tmp_path / "transfer-pushed-before" / f"{number}.dcm")
            assert made.send_c_store(image).Status == 0x0000
    exchange.in_state(study.study_instance_uid, "held")
    reference = sent(exchange, [study])
    says(exchange, reference, "Fulfilled: 1 study with 4 images delivered to ZX2.")
    exchange.in_state(study.study_instance_uid, "held", "confirmed")
    assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == 4


def test_a_worker_that_dies_in_the_middle_loses_nothing(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    study = kept(exchange, tmp_path, "transfer-killed", 60)
    # Until its images are taken over the transfer waits for them.
    exchange.stop("ingest")
    try:
        reference = sent(exchange, [study])
        eventually(lambda: len(left_in_spool(exchange)) >= 20, timeout=30)
        assert sentence(exchange, reference).startswith("0 of 60 images of 1 study fetched from ZX1_PACS")
        killed = exchange.kill("transfer-urgent")
    finally:
        exchange.start("ingest")
    says(exchange, reference, "Fulfilled: 1 study with 60 images delivered to ZX2.", timeout=120)
    exchange.wait_for_another("transfer-urgent", killed)
    (one,) = exchange.in_state(study.study_instance_uid, "confirmed")
    assert one.total == 60
    assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == 60
