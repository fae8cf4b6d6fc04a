"""The main job, with real peers on real sockets: what a hospital pushes is provably where it belongs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydicom import dcmread
from sqlalchemy import select

from demo.patients import BORIS, PATIENTS
from demo.studies import Study
from models.domain.contracts import CommandKind
from models.presence import Presence
from models.tables import HeldObject, Instance
from processes import not_running
from tests.conftest import Peers
from tests.edge import sender
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import ask, count, push, run
from tests.eventually import eventually
from tests.faults.recording_pacs import RecordingPacs

CONFIRMED = "Confirmed: {0} of {0} are in {1}, by its own answer."


@pytest.fixture(scope="module", autouse=True)
def renamed(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study under an AE title that nobody registered. Its silence is long: pushed first, looked at last."""
    site.add_sender(exchange, "ZX3", "SCANNER", "127.0.0.2", quiet=3)
    folder = tmp_path_factory.mktemp("renamed")
    study = site.study(folder, "renamed", 2, BORIS)
    with sender.association(exchange.port("dicom"), calling="NEWNAME", called="IEP_ZX2", source="127.0.0.2") as made:
        for file in sorted(folder.glob("*.dcm")):
            assert made.send_c_store(dcmread(file)).Status == 0
    return study


@pytest.fixture(scope="module")
def waiting(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory, peers: Peers) -> Study:
    """A study that ZX3's officer releases."""
    folder = tmp_path_factory.mktemp("waiting")
    study = site.study(folder, "waits-for-a-person", 3)
    push(peers, exchange.port("dicom"), "IEP_ZX3", folder)
    return study


def sentence(exchange: Exchange, study: Study | str) -> str:
    uid = study if isinstance(study, str) else study.study_instance_uid
    return next((one.sentence for one in reversed(exchange.standings(uid))), "")


def test_a_real_series_arrives(exchange: Exchange, peers: Peers, real_dicom: Path) -> None:
    folder = real_dicom / "ct-series-nottingham"
    uid = str(dcmread(next(file for file in folder.rglob("*") if file.is_file())).StudyInstanceUID)
    push(peers, exchange.port("dicom"), "IEP_ZX2", folder)
    exchange.in_state(uid, "confirmed")
    assert sentence(exchange, uid).startswith(CONFIRMED.format(29, "ZX2_PACS"))
    assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), uid) == 29


def test_the_header_names_the_destination(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    study = site.study(tmp_path, "token", 2)
    for file in tmp_path.glob("*.dcm"):
        image = dcmread(file)
        image.StudyComments = "for tomorrow's meeting, IEP:ZX2"
        image.save_as(file)
    push(peers, exchange.port("dicom"), "IEP", tmp_path)
    (one,) = exchange.in_state(study.study_instance_uid, "confirmed")
    assert one.transaction.destination_id == "ZX2"
    assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == 2


def test_an_unknown_code_is_held(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    study = site.study(tmp_path, "unknown-code", 1)
    for file in tmp_path.glob("*.dcm"):
        image = dcmread(file)
        image.StudyComments = "IEP:ZX99"
        image.save_as(file)
    push(peers, exchange.port("dicom"), "IEP", tmp_path)
    (one,) = exchange.in_state(study.study_instance_uid, "held")
    assert one.delivery is None
    assert one.sentence == ("Held: No image names a destination that the exchange knows. ZX1's PACS officer decides.")


def test_a_person_releases_under_the_local_id(exchange: Exchange, peers: Peers, waiting: Study) -> None:
    uid, pacs = waiting.study_instance_uid, ("ZX3_PACS", exchange.port("ZX3_PACS"))
    (one,) = exchange.in_state(uid, "on-worklist")
    assert "its PACS officer releases them" in one.sentence
    assert count(peers, *pacs, uid) == 0
    refusal = site.decide(
        exchange, CommandKind.RELEASE_DELIVERY, one.delivery, "ZX3", patient_id="LOCAL42", accession="ACC42"
    )
    assert refusal == ""
    exchange.in_state(uid, "confirmed")
    (found,) = ask(
        peers, *pacs, "STUDY",
        StudyInstanceUID=uid, PatientID="", IssuerOfPatientID="", AccessionNumber="", NumberOfStudyRelatedInstances="",
    )  # fmt: skip
    assert found["PatientID"] == "LOCAL42"
    assert found["IssuerOfPatientID"] == "ZX3"
    assert found["AccessionNumber"] == "ACC42"
    assert found["NumberOfStudyRelatedInstances"] == "3"
    kept = [dcmread(file, stop_before_pixels=True) for file in (exchange.var / "pacs" / "ZX3").rglob("*.dcm")]
    images = [image for image in kept if image.StudyInstanceUID == uid]
    assert len(images) == 3
    for image in images:
        (original,) = image.OriginalAttributesSequence
        (before,) = original.ModifiedAttributesSequence
        assert before.PatientID == waiting.patient_id
        assert before.AccessionNumber == waiting.accession_number
    late = site.decide(exchange, CommandKind.RELEASE_DELIVERY, one.delivery, "ZX3", patient_id="LOCAL43")
    # Its workflow may be about to end, or has ended.
    assert "already" in late or late.startswith("Too late: ")


def test_neither_engine_nor_database_is_asked(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    exchange.stop("temporal")
    exchange.stop("postgresql")
    try:
        study = site.study(tmp_path, "both-stopped", 5)
        push(peers, exchange.port("dicom"), "IEP_ZX2", tmp_path)
        assert len(list((exchange.settings.spool_folder / "ready").iterdir())) == 5
        parts = Presence(exchange.var / "run" / "present")
        eventually(lambda: not_running(parts, exchange.settings.parts) == ["engine"], timeout=30)
    finally:
        exchange.start("postgresql")
        exchange.start("temporal")
    eventually(lambda: not_running(parts, exchange.settings.parts) == [], timeout=30)
    exchange.in_state(study.study_instance_uid, "confirmed")
    assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == 5


def test_a_pacs_moves_a_study_to_us(exchange: Exchange, peers: Peers) -> None:
    pacs = ("ZX1_PACS", exchange.port("ZX1_PACS"))
    found = ask(peers, *pacs, "STUDY", StudyInstanceUID="", PatientID=BORIS.local_id("ZX1"))
    (uid,) = {match["StudyInstanceUID"] for match in found}
    moved = run(
        peers.need("movescu"), "-S", "-aec", pacs[0], "-aem", "IEP_ZX2", "-k", "QueryRetrieveLevel=STUDY",
        "-k", f"StudyInstanceUID={uid}", "127.0.0.1", str(pacs[1]),
    )  # fmt: skip
    assert moved.returncode == 0, moved.stderr
    (one,) = exchange.in_state(uid, "confirmed")
    assert one.arrival is not None
    assert one.arrival.basis == "2 of 2, by the source's own count."


def test_late_images_follow(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    study = site.study(tmp_path, "late", 5)
    early, late = tmp_path / "early", tmp_path / "late"
    for folder, numbers in ((early, (1, 2, 3)), (late, (4, 5))):
        folder.mkdir()
        for number in numbers:
            (tmp_path / f"{number}.dcm").rename(folder / f"{number}.dcm")
    push(peers, exchange.port("dicom"), "IEP_ZX2", early)
    (first,) = exchange.in_state(study.study_instance_uid, "confirmed")
    push(peers, exchange.port("dicom"), "IEP_ZX2", late)
    _, second = exchange.in_state(study.study_instance_uid, "confirmed", "confirmed")
    assert second.transaction.follows_id == first.transaction.id
    assert second.sentence.startswith(CONFIRMED.format(2, "ZX2_PACS"))
    assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == 5


def test_the_same_study_twice(exchange: Exchange, peers: Peers, tmp_path: Path, recorder: RecordingPacs) -> None:
    study = site.study(tmp_path, "twice", 3)
    push(peers, exchange.port("dicom"), "IEP_ZX7", tmp_path)
    exchange.in_state(study.study_instance_uid, "confirmed")
    push(peers, exchange.port("dicom"), "IEP_ZX7", tmp_path)
    exchange.in_state(study.study_instance_uid, "confirmed", "confirmed")
    assert count(peers, "ZX7_PACS", recorder.port, study.study_instance_uid) == 3
    with exchange.database.begin() as session:
        uids = [study.uid("image", number) for number in (1, 2, 3)]
        assert len(session.scalars(select(Instance).where(Instance.SOPInstanceUID.in_(uids))).all()) == 3


def test_other_pixels_of_the_same_uid_are_held(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    study = site.study(tmp_path, "other-pixels", 2)
    push(peers, exchange.port("dicom"), "IEP_ZX2", tmp_path)
    exchange.in_state(study.study_instance_uid, "confirmed")
    changed = dcmread(tmp_path / "1.dcm")
    uid = str(changed.SOPInstanceUID)
    before = _archived(exchange, uid)
    changed.PixelData = bytes(byte ^ 1 for byte in changed.PixelData)
    changed.save_as(tmp_path / "1.dcm")
    push(peers, exchange.port("dicom"), "IEP_ZX2", tmp_path / "1.dcm")

    def held() -> HeldObject | None:
        with exchange.database.begin() as session:
            return session.scalars(select(HeldObject).where(HeldObject.SOPInstanceUID == uid)).first()

    found = eventually(held)
    assert found
    assert (found.reason, found.sentence) == (
        "conflict", "An image of this UID was received before with other pixels."
    )  # fmt: skip
    assert found.key
    assert changed.PixelData in exchange.archive.path(found.key).read_bytes()
    assert _archived(exchange, uid) == before


def _archived(exchange: Exchange, SOPInstanceUID: str) -> bytes:
    with exchange.database.begin() as session:
        instance = session.scalars(select(Instance).where(Instance.SOPInstanceUID == SOPInstanceUID)).one()
    assert instance.key
    return exchange.archive.path(instance.key).read_bytes()


def test_what_waits_for_a_stopped_pacs_goes_on_by_itself(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    exchange.stop("ZX2_PACS")
    try:
        study = site.study(tmp_path, "pacs-stopped", 3)
        push(peers, exchange.port("dicom"), "IEP_ZX2", tmp_path)
        says = (
            r"0 of \d sent to ZX2_PACS: ZX2_PACS (does not answer at 127\.0\.0\.1:\d+|is down)\. "
            r"It is tried again by itself; nobody needs to act\."
        )
        eventually(lambda: re.fullmatch(says, sentence(exchange, study)))
    finally:
        exchange.start("ZX2_PACS")
    exchange.in_state(study.study_instance_uid, "confirmed", timeout=90)


def test_a_refusal_parks_until_somebody_retries(
    exchange: Exchange, peers: Peers, recorder: RecordingPacs, tmp_path: Path
) -> None:
    recorder.refuse(0xA900)
    try:
        study = site.study(tmp_path, "refused", 3)
        push(peers, exchange.port("dicom"), "IEP_ZX7", tmp_path)
        (one,) = exchange.in_state(study.study_instance_uid, "needs-attention")
        assert one.sentence.startswith("Stopped at 0 of 3: ZX7_PACS did not take 3: ")
        assert "(A900)" in one.sentence
        assert one.sentence.endswith("A PACS officer of ZX7 or ZX1 chooses: retry, other node or abandon.")
    finally:
        recorder.refuse(None)
    assert site.decide(exchange, CommandKind.RETRY_DELIVERY, one.delivery, "ZX7") == ""
    exchange.in_state(study.study_instance_uid, "confirmed")
    assert {recorder.wire()[study.uid("image", number)] for number in (1, 2, 3)} == {3}, "refused twice, then taken"


def test_a_sender_over_tls(exchange: Exchange, peers: Peers, tmp_path: Path) -> None:
    study = site.study(tmp_path, "tls", 2)
    tls = exchange.var / "tls"
    sent = run(
        peers.need("storescu"), "-v", "+sd", "+tls", str(tls / "zx1.key"), str(tls / "zx1.pem"),
        "+cf", str(tls / "authority.pem"), "-aet", "ZX1_TLS", "-aec", "IEP_ZX2",
        "127.0.0.1", str(exchange.port("dicom_tls")), str(tmp_path),
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    (one,) = exchange.in_state(study.study_instance_uid, "confirmed")
    assert one.arrival is not None
    assert one.arrival.calling_ae_title == "ZX1_TLS"


def test_an_unregistered_ae_title_is_held_and_both_sides_are_told(exchange: Exchange, renamed: Study) -> None:
    (one,) = exchange.in_state(renamed.study_instance_uid, "held")
    assert one.delivery is None
    assert "unregistered AE title NEWNAME" in one.sentence
    mails = eventually(lambda: found if len(found := exchange.mails(one.transaction.reference)) >= 3 else None)
    assert mails
    told = sorted((mail.subject.split("] ")[1].split(" - ")[0], *mail.recipients) for mail in mails)
    assert told == [
        ("Study held", "imaging@zx3.example"),
        ("Unregistered AE title", "imaging@zx2.example"),
        ("Unregistered AE title", "imaging@zx3.example"),
    ]
    for mail in mails:
        for patient in PATIENTS:
            assert not {patient.nhs_number, *patient.name.split("^")[:2]} & set(re.split(r"\W+", mail.body.upper()))
