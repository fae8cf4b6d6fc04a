"""Whom an Institution files under which of its own Patient IDs: learned at releases, looked up before the next one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.dicom import facts_from_json
from models.domain.identity import PatientFacts, declared_nhs, nhs_numbers, together
from models.domain.likeness import Likeness, likeness, says_nothing
from models.domain.nhs_number import ISSUER, parse_nhs_number
from models.senders_ids import learn_sent_id, sent_id
from models.tables import ArrivalInstance, Delivery, Instance, LocalPatient, Node, OutboxCommand, now

ANOTHERS_ID = "That local ID belongs to another person; not released. Look in your PACS whose it is."
"""What crosses the engine; the page, which has it, names the ID."""
CALLED_OTHERWISE = (
    "That local ID is known under another name, sex or birth date, as of a twin, before a marriage or mistyped; "
    "not released. "
    "Look in your PACS whose it is, then tick on your worklist that it is the same person, or enter another ID."
)
NOTHING_SAYS = (
    "These images say too little to tell whether they are of the person whom that local ID is known for; "
    "not released. "
    "Look in your PACS whose it is, then tick on your worklist that it is the same person, or enter another ID."
)
NOBODY_WAS_ASKED = (
    "Your PACS could not be asked whose that ID is; not released. "
    "Release it once your PACS answers, or tick on your worklist that the ID is this patient's."
)
DECIDED_BEFORE = (
    "Another patient's study is just being released under that ID; not released. "
    "Look at what your worklist says of it in a moment, then release this one under the right ID."
)
UNLESS_LOOKED_AT = frozenset({CALLED_OTHERWISE, NOTHING_SAYS})
"""Who has looked may say that it is the same person."""


def names_another(given: str, patient: PatientFacts) -> bool:
    """Whether the ID that was entered is an NHS number, and not this patient's."""
    number, own = parse_nhs_number(given), nhs_numbers(patient)
    return number is not None and bool(own) and number not in own


def why_not_filed_as(
    patient: PatientFacts, patient_id: str, bearers: Iterable[PatientFacts], *, same_person: bool = False
) -> str:
    """Why the patient is not filed under the local ID of these `bearers`; empty when nothing is against it.

    `same_person`: somebody has looked, and who is called otherwise, or not at all, is the same patient.
    """
    number_tells = parse_nhs_number(patient_id) is None
    found = {likeness(one, patient, number_tells=number_tells) for one in bearers}
    if Likeness.ANOTHER in found:
        return ANOTHERS_ID
    if same_person:
        return ""
    if Likeness.DOUBTFUL in found:
        return CALLED_OTHERWISE
    return NOTHING_SAYS if found and Likeness.SAME not in found else ""


def arriving(session: Session, delivery: Delivery) -> PatientFacts:
    """Who is in the parcel: its images agree, and one that names the NHS number speaks for those that do not."""
    arrival = delivery.parcel.arrival
    sender = session.get(Node, arrival.node_id) if arrival.node_id else None
    headers = [
        facts_from_json(patient)
        for patient in session.scalars(
            select(Instance.patient)
            .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
            .where(ArrivalInstance.arrival_id == arrival.id)
            .group_by(Instance.patient)
            .order_by(func.min(ArrivalInstance.position))
        )
        if patient
    ]
    if sender is not None and sender.patient_id_may_be_nhs:
        headers = [declared_nhs(facts) for facts in headers]
    return together(headers)


def bearers_of(session: Session, institution_id: str, patient_id: str) -> list[PatientFacts]:
    """Whom the Institution is known to file under its own `patient_id`, in whatever case: many PACS do not tell.

    Whom somebody is just releasing under it counts as well.
    """
    alike = select(LocalPatient).where(
        LocalPatient.institution_id == institution_id,
        func.lower(LocalPatient.patient_id) == func.lower(patient_id),
        _is_known() | _is_reserved(),
    )
    # A row that only keeps the place of an ID is of nobody.
    found = [(row.reserved_by, facts_of(row)) for row in session.scalars(alike)]
    return [facts for reserved_by, facts in found if reserved_by is None or not says_nothing(facts)]


def known_patients(session: Session, institution_id: str, patient_ids: Collection[str]) -> dict[str, PatientFacts]:
    """By local ID: whom the Institution is known to file under it."""
    rows = session.scalars(
        select(LocalPatient).where(
            LocalPatient.institution_id == institution_id, LocalPatient.patient_id.in_(patient_ids), _is_known()
        )
    )
    return {row.patient_id: facts_of(row) for row in rows}


def number_of(patient: PatientFacts | None, sender: Node | None) -> str:
    """The NHS number by which an Institution looks for its own ID of the patient; empty when there is none."""
    may_be_nhs = bool(sender and sender.patient_id_may_be_nhs)
    return min(nhs_numbers(patient, patient_id_may_be_nhs=may_be_nhs), default="") if patient else ""


def known_ids(session: Session, institution_id: str, numbers: Collection[str]) -> dict[str, tuple[LocalPatient, ...]]:
    """By NHS number, under which local IDs the Institution files that patient; the one learned last comes first."""
    found: dict[str, tuple[LocalPatient, ...]] = {}
    for row in session.scalars(
        select(LocalPatient)
        .where(LocalPatient.institution_id == institution_id, LocalPatient.nhs_number.in_(numbers), _is_known())
        .order_by(LocalPatient.learned_at.desc())
    ):
        found[row.nhs_number] = (*found.get(row.nhs_number, ()), row)
    return found


def reserve(
    session: Session,
    delivery: Delivery,
    patient_id: str,
    command_id: str,
    *,
    same_person: bool = False,
    is_known: bool = False,
) -> str:
    """Keep `patient_id` for this patient while `command_id` is carried out; why not, where it cannot be.

    Of two who enter it at once for two patients the later is told; what is not released in the end is forgotten.
    `is_known`: the PACS has this patient under it, so that it does not matter how little is known here.
    """
    patient, row = arriving(session, delivery), _locked(session, delivery.institution_id, patient_id, command_id)
    if refused := why_not_filed_as(patient, patient_id, bearers_of(session, row.institution_id, patient_id)):
        may = (same_person and refused in UNLESS_LOOKED_AT) or (is_known and refused == NOTHING_SAYS)
        return "" if may else refused
    if row.reserved_by is not None:
        row.reserved_by = command_id
        _complete(row, patient)
    session.flush()
    return ""


def learn(
    session: Session, delivery: Delivery, patient_id: str, command_id: str, at: datetime, *, same_person: bool = False
) -> bool:
    """Keep that the Institution files this patient under `patient_id`; False when that is another person's.

    `same_person`: somebody has looked, and who is not called so is the same patient. They may err: nothing is learned
    then. What an earlier release has told is completed, and never emptied. By which ID the sender calls the patient is
    kept, too.
    """
    patient = arriving(session, delivery)
    if names_another(patient_id, patient):
        return False
    row = _locked(session, delivery.institution_id, patient_id, command_id)
    refused = why_not_filed_as(patient, patient_id, bearers_of(session, row.institution_id, patient_id))
    if refused or same_person or says_nothing(patient):
        # Of whom too little is said the PACS may have known more.
        return refused in ("", NOTHING_SAYS) or (same_person and refused in UNLESS_LOOKED_AT)
    _complete(row, patient)
    row.learned_at, row.reserved_by = at, None
    session.flush()
    arrival = delivery.parcel.arrival
    if sent := sent_id(patient, arrival.institution_id, arrival.node_id or ""):
        learn_sent_id(session, delivery.institution_id, sent, patient_id, at)
    return True


def _locked(session: Session, institution_id: str, patient_id: str, command_id: str) -> LocalPatient:
    """The row of a local ID, of nobody where it is new or the command that has reserved it did not release under it."""
    # Of two who enter it at once, in whatever case, the second waits here for the first.
    in_any_case = func.concat(institution_id, " ", func.lower(patient_id))
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(in_any_case, 0))))
    fresh = insert(LocalPatient).values(
        institution_id=institution_id, patient_id=patient_id, learned_at=now(), reserved_by=command_id
    )
    # One that is there is locked by this, as if it were written: nobody forgets it before it is read.
    session.execute(
        fresh.on_conflict_do_update(
            index_elements=[LocalPatient.institution_id, LocalPatient.patient_id],
            set_={"learned_at": LocalPatient.learned_at},
        )
    )
    row = session.get_one(LocalPatient, (institution_id, patient_id), with_for_update=True)
    if row.reserved_by is not None:
        command = session.get(OutboxCommand, row.reserved_by, populate_existing=True)
        if command is None or command.delivered_at is not None:
            row.nhs_number = row.PatientName = row.PatientBirthDate = row.PatientSex = ""
    return row


def forget_unreleased(session: Session) -> None:
    """Remove whom somebody once entered under an ID and did not release under it in the end."""
    session.execute(delete(LocalPatient).where(~_is_known(), ~_is_reserved()))


def _complete(row: LocalPatient, patient: PatientFacts) -> None:
    """What is known stays: who is the same says the same, or less."""
    row.nhs_number = row.nhs_number or min(nhs_numbers(patient), default="")
    row.PatientName = row.PatientName or patient.PatientName
    row.PatientBirthDate = row.PatientBirthDate or patient.PatientBirthDate
    row.PatientSex = row.PatientSex or patient.PatientSex


def _is_known() -> ColumnElement[bool]:
    return LocalPatient.reserved_by.is_(None)


def _is_reserved() -> ColumnElement[bool]:
    """Once its command was carried out, and did not release under it, nothing is reserved any more."""
    return exists().where(OutboxCommand.id == LocalPatient.reserved_by, OutboxCommand.delivered_at.is_(None))


def facts_of(row: LocalPatient) -> PatientFacts:
    return PatientFacts(
        PatientID=row.patient_id,
        IssuerOfPatientID=row.institution_id,
        PatientName=row.PatientName,
        PatientBirthDate=row.PatientBirthDate,
        PatientSex=row.PatientSex,
        other_ids=((row.nhs_number, ISSUER),) if row.nhs_number else (),
    )
