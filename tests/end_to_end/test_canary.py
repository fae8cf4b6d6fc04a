"""A patient's details are in the archive and in the database, and nowhere else: not in engine, logs, mails or spool."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from sqlalchemy import select

from demo.patients import Patient
from demo.studies import Study, make_study
from models.domain.contracts import CommandKind
from models.requests import RequestEntry, StudyEntry, place
from models.tables import Account, ImageRequest, Transaction, new_id
from tests.conftest import Peers
from tests.edge import sender
from tests.edge.objects import data_set_of
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import count, push
from tests.eventually import eventually
from tests.faults.invariants import leaks, left_in_spool, watched
from tests.faults.recording_pacs import RecordingPacs

CANARY = Patient("QUILLFEATHER^ZEBEDEE^^^MR", "9997313119", "19530417", "M")
WORDS = (
    "QUILLFEATHER", "ZEBEDEE", "9997313119", "CANARYID5521", "CANACC90317", "Canary^protocol", "CANARYLOCAL77",
    "CANLOCACC88", "canaryreason", "canaryrequest", "canaryquestion",
)  # fmt: skip
"""Name, NHS number, sender's ID, accession number and description; then what people enter."""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = make_study(tmp_path, seed="canary", patient=CANARY, institution_id="ZX1", n=3, rows=64, columns=64)
    for path in tmp_path.glob("*.dcm"):
        image = dcmread(path)
        image.PatientID, image.AccessionNumber, image.StudyDescription = WORDS[3:6]
        image.save_as(path)
    return made


def test_no_patient_detail_outside(
    exchange: Exchange, peers: Peers, recorder: RecordingPacs, study: Study, tmp_path: Path
) -> None:
    uid = study.study_instance_uid
    _send_what_is_refused(exchange, tmp_path / "1.dcm")
    push(peers, exchange.port("dicom"), "IEP", tmp_path)
    (held,) = exchange.in_state(uid, "held")
    recorder.refuse(0xA900)
    worklist = site.worklist_of(exchange, "ZX7")
    assert site.decide(exchange, CommandKind.ASSIGN_ARRIVAL, held.arrival, "ZX1", worklist_id=worklist) == ""
    (parked,) = exchange.in_state(uid, "needs-attention")
    recorder.refuse(None)
    retried = site.decide(exchange, CommandKind.RETRY_DELIVERY, parked.delivery, "ZX7", reason="canaryreason")
    assert retried == ""
    exchange.in_state(uid, "confirmed")
    assert count(peers, "ZX7_PACS", recorder.port, uid) == 3
    _release_by_hand(exchange, peers, uid, tmp_path)
    _conflict(exchange, peers, tmp_path / "2.dcm")
    _ask(exchange)
    mails = eventually(lambda: found if len(found := exchange.mails(held.transaction.reference)) >= 3 else None)
    assert mails
    assert {mail.subject.split("] ")[1].split(" - ")[0] for mail in mails} >= {"Study held", "Study needs attention"}
    eventually(lambda: not left_in_spool(exchange))
    assert not leaks(exchange, WORDS)


def _send_what_is_refused(exchange: Exchange, file: Path) -> None:
    """An object that ends within its pixels, under its own UID."""
    image = dcmread(file)
    with sender.association(exchange.port("dicom"), calling="STORESCU", called="IEP") as made:
        cut = data_set_of(file)[:-100]
        status = sender.send_bytes(made, cut, str(image.SOPClassUID), str(image.SOPInstanceUID))
    assert status is not None
    assert status & 0xF000 == 0xC000


def _release_by_hand(exchange: Exchange, peers: Peers, uid: str, folder: Path) -> None:
    """The same study to ZX3, whose officer enters local identifiers."""
    push(peers, exchange.port("dicom"), "IEP_ZX3", folder)
    *_, last = exchange.in_state(uid, "confirmed", "on-worklist")
    refusal = site.decide(
        exchange, CommandKind.RELEASE_DELIVERY, last.delivery, "ZX3", patient_id=WORDS[6], accession=WORDS[7]
    )
    assert refusal == ""
    exchange.in_state(uid, "confirmed", "confirmed")


def _ask(exchange: Exchange) -> None:
    """A request that names the patient, and a question about it."""
    family, given = WORDS[:2]
    entry = RequestEntry(
        source_id="ZX1", nhs_number=CANARY.nhs_number, family_name=family, given_name=given, recipient="Dr Example",
        birth_date=CANARY.birth_date, source_patient_id=WORDS[3], reason=WORDS[9],
        studies=(StudyEntry(AccessionNumber="OTHER", description=WORDS[5]),),
    )  # fmt: skip
    with exchange.database.begin() as session:
        account = session.scalars(select(Account.id).where(Account.username == "clinician.zx3")).one()
        reference = place(session, institution_id="ZX3", account_id=account, entry=entry, command_id=new_id())
        request = session.scalars(
            select(ImageRequest).join(Transaction).where(Transaction.reference == reference)
        ).one()
    eventually(lambda: "Request for images" in " ".join(mail.subject for mail in exchange.mails(reference)))
    assert site.decide(exchange, CommandKind.ASK_BACK_REQUEST, request, "ZX1", reason=WORDS[10]) == ""
    assert site.decide(exchange, CommandKind.WITHDRAW_REQUEST, request, "ZX3", reason=WORDS[9]) == ""
    eventually(lambda: len(exchange.mails(reference)) >= 3)


def _conflict(exchange: Exchange, peers: Peers, file: Path) -> None:
    """One image again with other pixels."""
    image = dcmread(file)
    image.PixelData = bytes(len(image.PixelData))
    image.save_as(file)
    push(peers, exchange.port("dicom"), "IEP_ZX2", file)


def test_the_search_finds_what_is_there(exchange: Exchange) -> None:
    """Otherwise the canary would sing for nobody: each kind of place is read, and a word in it is found."""
    places = {path.relative_to(exchange.var).parts[0] for path in watched(exchange)}
    assert places >= {"temporal", "log", "mailbox", "run", "output"}
    assert any(path.name.startswith("temporal.db") for path in watched(exchange))
    planted = exchange.var / "log" / "planted.log"
    planted.write_text("a line about Quillfeather")
    try:
        assert leaks(exchange, WORDS) == ["log/planted.log holds QUILLFEATHER"]
    finally:
        planted.unlink()
    assert leaks(exchange, ("StudyArrival",)), "the engine's database is read, too"
