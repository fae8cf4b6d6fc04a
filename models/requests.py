"""Placing a request: what is asked of whom, written with its audit entry and its command in one go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from models.candidates import note_for_request
from models.directory import routing_directory
from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.domain.lifecycles.request import OPEN, REQUEST, State
from models.domain.parts import Part
from models.domain.urgency import Urgency
from models.held_already import delivered_studies
from models.office_hours import expires_at
from models.outbox import post
from models.references import new_reference
from models.tables import ImageRequest, OutboxCommand, RequestedStudy, Transaction, new_id, now

PRIOR_YEARS = 5
UNFINISHED = (State.PLACED, *OPEN, State.ANSWERED)


@dataclass(frozen=True)
class StudyEntry:
    """One study as the requester describes it. Dates are DICOM dates (YYYYMMDD); empty means not said.

    With `is_prior` it stands for the last two relevant ones of five years that the requester does not hold.
    """

    StudyInstanceUID: str = ""
    AccessionNumber: str = ""
    Modality: str = ""
    study_date_from: str = ""
    study_date_to: str = ""
    description: str = ""
    is_prior: bool = False


@dataclass(frozen=True)
class RequestEntry:
    """What a requester has entered. `wants` is images, report or both; `source_patient_id` the patient's ID there.

    With both, of earlier studies the images alone are wanted: they are for comparison.
    """

    source_id: str
    studies: tuple[StudyEntry, ...]
    recipient: str
    nhs_number: str = ""
    family_name: str = ""
    given_name: str = ""
    birth_date: str = ""
    source_patient_id: str = ""
    wants: str = "images"
    call_back: str = ""
    urgency: Urgency = Urgency.ROUTINE
    reason: str = ""
    needed_by: str = ""
    """A time (ISO 8601, UTC), where the requester has given one."""


def place(session: Session, *, institution_id: str, account_id: str, entry: RequestEntry, command_id: str) -> str:
    """Ask `entry.source_id` in the caller's transaction; the reference. The same `command_id` twice is one request.

    Raises NotAllowed with a sentence when that Institution cannot be asked.
    """
    request_id, at = new_id(), now()
    _must_be_possible(session, institution_id, entry)
    is_new = post(
        session,
        command_id,
        institution_id=institution_id,
        kind=CommandKind.PLACE_REQUEST,
        subject_id=request_id,
        actor=account_id,
        content={"urgency": entry.urgency.value},
    )
    if not is_new:
        return _placed_before(session, command_id, account_id)
    transaction = Transaction(
        reference=new_reference(),
        kind="request",
        institution_id=entry.source_id,
        destination_id=institution_id,
        urgency=entry.urgency.value,
        due_at=datetime.fromisoformat(entry.needed_by) if entry.needed_by else None,
        lifecycle=REQUEST.name,
        state=REQUEST.initial.value,
        state_since=at,
        opened_at=at,
    )
    session.add(transaction)
    session.flush()
    held = delivered_studies(session, institution_id, entry.nhs_number) if _wants_priors(entry) else []
    request = ImageRequest(
        id=request_id,
        institution_id=institution_id,
        transaction_id=transaction.id,
        source_id=entry.source_id,
        placed_by=account_id,
        nhs_number=entry.nhs_number,
        family_name=entry.family_name,
        given_name=entry.given_name,
        birth_date=entry.birth_date,
        source_patient_id=entry.source_patient_id,
        recipient=entry.recipient,
        call_back=entry.call_back,
        reason=entry.reason,
        held_already=held,
        state=REQUEST.initial.value,
        expires_at=expires_at(entry.urgency, at),
        placed_at=at,
    )
    request.studies = _rows(entry, institution_id, at.date())
    session.add(request)
    session.flush()
    note_for_request(session, request)
    return transaction.reference


def same_study_requested(session: Session, institution_id: str, entry: RequestEntry) -> list[str]:
    """References of the Institution's own unfinished requests for one of these studies, or for this patient there.

    Two studies of whoever has the same Patient ID at the source are the same unless what is said of them differs. Who
    has asked for the images of a study has not asked for its report.
    """
    uids = [study.StudyInstanceUID for study in entry.studies if study.StudyInstanceUID]
    accessions = [study.AccessionNumber for study in entry.studies if study.AccessionNumber]
    same_patient = (ImageRequest.nhs_number == entry.nhs_number) & (ImageRequest.nhs_number != "")
    same_part = RequestedStudy.wants.in_(_wanted(entry))
    same_id = (ImageRequest.source_patient_id == entry.source_patient_id) & (ImageRequest.source_patient_id != "")
    rows = session.execute(
        select(Transaction.reference, ImageRequest.placed_at)
        .join(ImageRequest, ImageRequest.transaction_id == Transaction.id)
        .join(RequestedStudy, RequestedStudy.request_id == ImageRequest.id)
        .where(
            ImageRequest.institution_id == institution_id,
            ImageRequest.source_id == entry.source_id,
            ImageRequest.state.in_(UNFINISHED),
            or_(
                same_patient,
                and_(same_part, RequestedStudy.StudyInstanceUID.in_(uids)),
                and_(same_part, RequestedStudy.AccessionNumber.in_(accessions)),
                and_(same_part, same_id, or_(false(), *map(_may_be, entry.studies))),
            ),
        )
        .distinct()
        .order_by(ImageRequest.placed_at)
    )
    return [reference for reference, _ in rows]


def _may_be(entry: StudyEntry) -> ColumnElement[bool]:
    """Of a RequestedStudy: nothing that both say tells it from the entry."""
    said = (
        (RequestedStudy.StudyInstanceUID, entry.StudyInstanceUID),
        (RequestedStudy.AccessionNumber, entry.AccessionNumber),
        (RequestedStudy.Modality, entry.Modality),
    )
    return and_(
        RequestedStudy.is_prior == entry.is_prior, *(column.in_(("", value)) for column, value in said if value)
    )


def _must_be_possible(session: Session, institution_id: str, entry: RequestEntry) -> None:
    directory = routing_directory(session)
    source = directory.organisations.get(entry.source_id)
    if source is None:
        raise NotAllowed(f"The exchange knows no Institution {entry.source_id}; choose one from the list.")
    if source.closed:
        raise NotAllowed(f"{entry.source_id} is closed; ask its successor.")
    if entry.source_id == institution_id:
        raise NotAllowed("That is your own Institution; ask another one.")
    if (entry.source_id, institution_id) not in directory.agreements:
        raise NotAllowed(f"No agreement lets {entry.source_id} send to {institution_id}; ring {entry.source_id}.")
    if not directory.organisations[institution_id].has_worklist:
        raise NotAllowed(f"{institution_id} has no worklist to receive on; ask support to set one up.")
    if not entry.studies:
        raise NotAllowed("Name at least one study, or describe it.")


def _placed_before(session: Session, command_id: str, account_id: str) -> str:
    first = session.get_one(OutboxCommand, command_id)
    # A token is no key to what somebody else has asked.
    if (first.kind, first.actor) != (CommandKind.PLACE_REQUEST.value, account_id):
        raise NotAllowed("This form was used before; open a new one.")
    return session.get_one(ImageRequest, first.subject_id).transaction.reference


def _wants_priors(entry: RequestEntry) -> bool:
    return any(study.is_prior for study in entry.studies)


def _wanted(entry: RequestEntry) -> tuple[Part, ...]:
    return tuple(Part) if entry.wants == "both" else (Part(entry.wants),)


def _rows(entry: RequestEntry, institution_id: str, today: date) -> list[RequestedStudy]:
    """One for each study, or two next to each other: its images, and the report of it."""
    rows: list[RequestedStudy] = []
    for study in entry.studies:
        first, *others = _wanted(entry)
        rows.append(_study(study, institution_id, first, today))
        if not study.is_prior:
            of_it = rows[-1].id
            rows += [_study(study, institution_id, part, today, report_of_id=of_it) for part in others]
    for position, row in enumerate(rows, 1):
        row.position = position
    return rows


def _study(
    entry: StudyEntry, institution_id: str, part: Part, today: date, report_of_id: str | None = None
) -> RequestedStudy:
    first = entry.study_date_from
    if entry.is_prior and not first:
        # 29 February has its like only every fourth year.
        first = f"{today.year - PRIOR_YEARS}{today:%m}{min(today.day, 28):02}"
    return RequestedStudy(
        id=new_id(),
        institution_id=institution_id,
        wants=part.value,
        report_of_id=report_of_id,
        StudyInstanceUID=entry.StudyInstanceUID,
        AccessionNumber=entry.AccessionNumber,
        Modality=entry.Modality,
        study_date_from=first,
        study_date_to=entry.study_date_to,
        description=entry.description,
        is_prior=entry.is_prior,
        state="wanted",
    )
