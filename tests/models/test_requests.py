"""Placing a request: written once with its command, refused with a sentence where it cannot be."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.db import Database
from models.dicom import facts_to_json
from models.domain.errors import NotAllowed
from models.domain.identity import PatientFacts
from models.domain.nhs_number import ISSUER
from models.domain.urgency import Urgency
from models.requests import RequestEntry, StudyEntry, place, same_study_requested
from models.tables import (
    Agreement,
    Arrival,
    AuditEntry,
    Candidate,
    ImageRequest,
    Institution,
    OutboxCommand,
    RequestedStudy,
    Study,
    Transaction,
    Worklist,
    new_id,
    now,
)
from tests.database import Registry
from tests.workflows.fakes import World
from tests.workflows.rows import arrived, delivering

NUMBER = "9990000018"
GAMMA = PatientFacts(
    PatientID="L3", PatientName="Testcase^Gamma", PatientBirthDate="19700304", other_ids=((NUMBER, ISSUER),)
)
ENTRY = RequestEntry(
    source_id="ZX1",
    nhs_number=NUMBER,
    family_name="Testcase",
    given_name="Gamma",
    birth_date="19700304",
    studies=(StudyEntry(description="CT head", StudyInstanceUID="2.25.7"), StudyEntry(is_prior=True, Modality="CT")),
    recipient="Dr Example Reader",
    urgency=Urgency.URGENT,
)


def placed(
    session: Session, registry: Registry, entry: RequestEntry = ENTRY, *, requester: str = "ZX2", command: str = ""
) -> str:
    account = registry.accounts[f"clinician.{requester.lower()}"]
    return place(session, institution_id=requester, account_id=account, entry=entry, command_id=command or new_id())


def test_all_is_written_with_its_command_and_audit_entry(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = placed(session, registry)
    with database.begin() as session:
        request = session.scalars(select(ImageRequest)).one()
        transaction = request.transaction
        assert (transaction.reference, transaction.kind, transaction.lifecycle) == (reference, "request", "request")
        assert (transaction.institution_id, transaction.destination_id) == ("ZX1", "ZX2")
        assert (transaction.state, request.state, transaction.urgency) == ("placed", "placed", "urgent")
        assert request.expires_at - request.placed_at == timedelta(days=3)
        assert [(study.position, study.is_prior, study.state) for study in request.studies] == [
            (1, False, "wanted"), (2, True, "wanted"),
        ]  # fmt: skip
        command = session.scalars(select(OutboxCommand)).one()
        assert (command.kind, command.subject_id, command.payload) == (
            "place-request", request.id, {"urgency": "urgent"},
        )  # fmt: skip
        audit = session.scalars(select(AuditEntry).where(AuditEntry.subject == request.id)).one()
        assert (audit.act, audit.facts) == ("asked.place-request", {"command": command.id})


def test_priors_are_those_of_five_years(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        placed(session, registry)
        prior = session.scalars(select(RequestedStudy).where(RequestedStudy.is_prior)).one()
        assert prior.study_date_from[:4] == str(now().year - 5)
        assert prior.study_date_from[4:6] == f"{now():%m}"


def test_a_double_click_is_one_request(database: Database, registry: Registry) -> None:
    references: list[str] = []

    def click() -> None:
        with database.begin() as session:
            references.append(placed(session, registry, command="c" * 32))

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert len(references) == 4
    assert len(set(references)) == 1
    with database.begin() as session:
        assert len(session.scalars(select(ImageRequest)).all()) == 1
        assert len(session.scalars(select(Transaction)).all()) == 1


def test_a_form_of_somebody_else_is_not_answered(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        placed(session, registry, command="c" * 32)
    with database.begin() as session, pytest.raises(NotAllowed, match="used before"):
        placed(session, registry, requester="ZX3", command="c" * 32)


def _close(session: Session) -> None:
    session.get_one(Institution, "ZX1").closed = True


def _end_agreement(session: Session) -> None:
    session.get_one(Agreement, ("ZX1", "ZX2")).valid_to = now() - timedelta(seconds=1)


def _no_worklist(session: Session) -> None:
    for worklist in session.scalars(select(Worklist).where(Worklist.institution_id == "ZX2")):
        session.delete(worklist)


@pytest.mark.parametrize(
    ("change", "entry", "words"),
    [
        (None, replace(ENTRY, source_id="ZX9"), "knows no Institution ZX9"),
        (None, replace(ENTRY, source_id="ZX2"), "your own Institution"),
        (None, replace(ENTRY, studies=()), "Name at least one study"),
        (_close, ENTRY, "ZX1 is closed"),
        (_end_agreement, ENTRY, "No agreement lets ZX1 send to ZX2"),
        (_no_worklist, ENTRY, "ZX2 has no worklist"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_nothing_is_written(
    database: Database, registry: Registry, change: object, entry: RequestEntry, words: str
) -> None:
    if callable(change):
        with database.begin() as session:
            change(session)
    with pytest.raises(NotAllowed, match=words), database.begin() as session:
        placed(session, registry, entry)
    with database.begin() as session:
        assert session.scalars(select(OutboxCommand)).all() == []
        assert session.scalars(select(Transaction)).all() == []


def test_an_open_request_for_the_same_study_or_patient_is_known(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = placed(session, registry)
    same_study = replace(ENTRY, nhs_number="", studies=(StudyEntry(StudyInstanceUID="2.25.7"),))
    another = replace(ENTRY, nhs_number="", studies=(StudyEntry(StudyInstanceUID="2.25.8"),))
    with database.begin() as session:
        assert same_study_requested(session, "ZX2", ENTRY) == [reference]
        assert same_study_requested(session, "ZX2", same_study) == [reference]
        assert same_study_requested(session, "ZX2", another) == []
        # Another Institution's requests are not its business, nor what was asked of somebody else.
        assert same_study_requested(session, "ZX3", ENTRY) == []
        assert same_study_requested(session, "ZX2", replace(ENTRY, source_id="ZX3")) == []
        session.scalars(select(ImageRequest)).one().state = "declined"
    with database.begin() as session:
        assert same_study_requested(session, "ZX2", ENTRY) == []


@pytest.mark.parametrize(
    ("open_for", "asked", "known"),
    [("images", "report", False), ("report", "images", False), ("both", "report", True), ("images", "both", True)],
)
def test_who_asked_for_the_images_has_not_asked_for_the_report(
    database: Database, registry: Registry, open_for: str, asked: str, known: bool
) -> None:
    entry = replace(ENTRY, nhs_number="", studies=(StudyEntry(StudyInstanceUID="2.25.7"),), wants=open_for)
    with database.begin() as session:
        reference = placed(session, registry, entry)
        found = same_study_requested(session, "ZX2", replace(entry, wants=asked))
        assert found == ([reference] if known else [])


def test_of_a_study_with_its_report_two_rows_stand_beside_each_other(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        placed(session, registry, replace(ENTRY, wants="both"))
        images, report, priors = session.scalars(select(ImageRequest)).one().studies
        assert [(row.position, row.wants, row.item) for row in (images, report, priors)] == [
            (1, "images", images.id), (2, "report", images.id), (3, "images", priors.id),
        ]  # fmt: skip
        assert report.StudyInstanceUID == images.StudyInstanceUID == "2.25.7"
        placed(session, registry, replace(ENTRY, wants="report"), requester="ZX3")
        rows = session.scalars(select(RequestedStudy).where(RequestedStudy.institution_id == "ZX3"))
        assert [(row.wants, row.report_of_id) for row in rows] == [("report", None)] * 2


CT = StudyEntry(Modality="CT", AccessionNumber="A1")


@pytest.mark.parametrize(
    ("patient_id", "study", "known"),
    [
        ("", StudyEntry(AccessionNumber="A1"), True),
        ("", StudyEntry(AccessionNumber="A2"), False),
        ("", StudyEntry(Modality="CT"), False),
        ("L3", StudyEntry(description="The head"), True),
        ("L3", StudyEntry(Modality="CT"), True),
        ("L3", StudyEntry(Modality="CT", AccessionNumber="A2"), False),
        ("L3", StudyEntry(Modality="MR"), False),
        ("L3", StudyEntry(StudyInstanceUID="2.25.8"), False),
        ("L3", StudyEntry(is_prior=True), False),
        ("L4", StudyEntry(Modality="CT"), False),
    ],
)
def test_an_open_request_is_known_by_the_numbers_of_its_source(
    database: Database, registry: Registry, patient_id: str, study: StudyEntry, known: bool
) -> None:
    first = replace(ENTRY, nhs_number="", source_patient_id="L3", studies=(replace(CT, StudyInstanceUID="2.25.7"),))
    again = replace(first, source_patient_id=patient_id, studies=(study,))
    with database.begin() as session:
        reference = placed(session, registry, first)
        assert same_study_requested(session, "ZX2", again) == ([reference] if known else [])
        assert same_study_requested(session, "ZX2", replace(again, source_id="ZX3")) == []


def test_a_request_for_two_studies_is_named_once(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = placed(session, registry, replace(ENTRY, source_patient_id="L3", studies=(CT, CT)))
        assert same_study_requested(session, "ZX2", replace(ENTRY, source_patient_id="L3")) == [reference]


@pytest.mark.parametrize(("state", "held"), [("confirmed", True), ("sending", False)])
def test_what_the_requester_has_got_need_not_come_again(
    database: Database, registry: Registry, state: str, held: bool
) -> None:
    with database.begin() as session:
        delivery = delivering(session, registry, World("1"), state=state)
        study = delivery.parcel.arrival.study
        study.patient = facts_to_json(GAMMA)
        uid = study.StudyInstanceUID
        delivering(session, registry, World("2"), state="confirmed")
    with database.begin() as session:
        placed(session, registry)
        assert session.scalars(select(ImageRequest.held_already)).one() == ([uid] if held else [])


def test_what_the_source_holds_already_is_a_candidate(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        for number, state in (("1", "held"), ("2", "routed")):
            arrived(session, registry, World(number), state=state, patients=(GAMMA,))
    with database.begin() as session:
        placed(session, registry, replace(ENTRY, studies=(StudyEntry(description="CT head", Modality="CT"),)))
        candidate = session.scalars(select(Candidate)).one()
        assert (candidate.arrival_id, candidate.is_certain) == ("1-arrival", True)
        assert "NHS number" in candidate.agrees
        assert session.get_one(Arrival, "1-arrival").state == "held"


def test_no_reason_or_patient_goes_with_the_command(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        placed(session, registry, replace(ENTRY, reason="Zebra sign"))
        for row in (*session.scalars(select(OutboxCommand)), *session.scalars(select(AuditEntry))):
            said = str({column.name: getattr(row, column.name) for column in row.__table__.columns})
            assert not [secret for secret in (NUMBER, "Testcase", "Zebra", "19700304") if secret in said]
        assert session.scalars(select(Study)).all() == []
