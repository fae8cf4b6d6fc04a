"""Images and report of one study on the running exchange: real objects, each answering for what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import BasicTextSRStorage, CTImageStorage, EncapsulatedPDFStorage, ExplicitVRLittleEndian
from sqlalchemy import select

from demo.patients import FARAH, Patient
from demo.studies import Study
from models.queries.standing import standings
from models.requests import RequestEntry, StudyEntry, place
from models.tables import Account, ImageRequest, RequestedStudy, Transaction, new_id
from tests.edge import sender
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.eventually import eventually

ADDRESS, SENDER = "127.0.0.5", "REPORTSCU"
CONTEXTS = [(uid, [ExplicitVRLittleEndian]) for uid in (CTImageStorage, BasicTextSRStorage, EncapsulatedPDFStorage)]


@pytest.fixture(scope="module", autouse=True)
def source(exchange: Exchange) -> None:
    site.add_sender(exchange, "ZX1", SENDER, ADDRESS, quiet=2)


def report_of(image: Dataset, sop_class: str) -> Dataset:
    """What was written about the image's study: a Basic Text SR, or an encapsulated PDF (PS3.3 A.35.1, A.45.1)."""
    one = Dataset()
    for keyword in (
        *("SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
        *("OtherPatientIDsSequence", "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber"),
        *("ReferringPhysicianName", "StudyDescription"),
    ):
        with suppress(KeyError):
            one.add(image[keyword])
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID, one.SOPInstanceUID = sop_class, f"{image.SOPInstanceUID[:60]}.1"
    one.SeriesInstanceUID = f"{image.SeriesInstanceUID[:60]}.1"
    one.Modality = "SR" if sop_class == BasicTextSRStorage else "DOC"
    one.SeriesNumber = one.InstanceNumber = 900
    one.ContentDate, one.ContentTime = image.StudyDate, "120000"
    if sop_class == BasicTextSRStorage:
        one.CompletionFlag, one.VerificationFlag, one.ValueType = "COMPLETE", "UNVERIFIED", "CONTAINER"
        one.ContinuityOfContent = "SEPARATE"
    else:
        one.MIMETypeOfEncapsulatedDocument, one.BurnedInAnnotation = "application/pdf", "NO"
        one.EncapsulatedDocument = b"%PDF-1.4\n%%EOF\n"
    return one


def ask(exchange: Exchange, patient: Patient, study: Study, wants: str) -> str:
    """ZX2's clinician asks ZX1; the reference."""
    family, given, *_ = patient.name.split("^")
    entry = RequestEntry(
        source_id="ZX1",
        nhs_number=patient.nhs_number,
        family_name=family,
        given_name=given,
        birth_date=patient.birth_date,
        studies=(StudyEntry(description="CT Thorax", Modality="CT", AccessionNumber=study.accession_number),),
        recipient="Dr Example Reader",
        wants=wants,
    )
    with exchange.database.begin() as session:
        who = session.scalars(select(Account.id).where(Account.username == "clinician.zx2")).one()
        return place(session, institution_id="ZX2", account_id=who, entry=entry, command_id=new_id())


def push(exchange: Exchange, objects: Sequence[Dataset], called: str = "IEP") -> None:
    port = exchange.port("dicom")
    with sender.association(port, calling=SENDER, called=called, source=ADDRESS, contexts=CONTEXTS) as made:
        for one in objects:
            assert made.send_c_store(one).Status == 0


def becomes(exchange: Exchange, reference: str, *rows: str) -> None:
    """Until the request's rows stand so."""

    def states() -> list[str]:
        with exchange.database.begin() as session:
            found = session.scalars(
                select(RequestedStudy.state)
                .join(ImageRequest, ImageRequest.id == RequestedStudy.request_id)
                .join(Transaction, Transaction.id == ImageRequest.transaction_id)
                .where(Transaction.reference == reference)
                .order_by(RequestedStudy.position)
            )
            return list(found)

    eventually(lambda: states() == list(rows), timeout=60)


def says(exchange: Exchange, reference: str, words: str) -> None:
    def sentence() -> str:
        with exchange.database.begin() as session:
            one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
            return standings(session, [one])[0].sentence

    eventually(lambda: sentence().startswith(words), timeout=60)


def images(folder: Path, seed: str, patient: Patient) -> tuple[Study, list[Dataset]]:
    study = site.study(folder, seed, 2, patient)
    return study, [dcmread(folder / f"{number}.dcm") for number in (1, 2)]


def test_the_report_comes_first_and_the_images_are_still_owed(exchange: Exchange, tmp_path: Path) -> None:
    study, objects = images(tmp_path, "report-first", FARAH)
    reference = ask(exchange, FARAH, study, "both")
    says(exchange, reference, "ZX2 asks ZX1 for 1 study and its report.")
    push(exchange, [report_of(objects[0], BasicTextSRStorage)])
    becomes(exchange, reference, "wanted", "answered")
    says(exchange, reference, "0 of 1 study and 1 of 1 report answered; ZX1 still owes the rest")
    push(exchange, objects)
    becomes(exchange, reference, "answered", "answered")
    says(exchange, reference, "Fulfilled: 1 of 1 study and 1 of 1 report delivered to ZX2.")


def test_both_at_once_fulfil_both(exchange: Exchange, tmp_path: Path) -> None:
    study, objects = images(tmp_path, "report-with-images", FARAH)
    reference = ask(exchange, FARAH, study, "both")
    push(exchange, [*objects, report_of(objects[0], BasicTextSRStorage)])
    says(exchange, reference, "Fulfilled: 1 of 1 study and 1 of 1 report delivered to ZX2.")


def test_a_report_does_not_fulfil_a_request_for_images(exchange: Exchange, tmp_path: Path) -> None:
    study, objects = images(tmp_path, "report-for-images", FARAH)
    reference = ask(exchange, FARAH, study, "images")
    push(exchange, [report_of(objects[0], BasicTextSRStorage)])
    exchange.in_state(study.study_instance_uid, "held")
    says(exchange, reference, "ZX2 asks ZX1 for 1 study.")
    push(exchange, objects)
    says(exchange, reference, "Fulfilled: 1 of 1 study delivered to ZX2.")
