"""What is still wanted of a source: the studies of open requests, with what each request says of its patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, Select, or_, select, union
from sqlalchemy.orm import Session

from models.domain.lifecycles.request import OPEN, State
from models.domain.matching import Arrived, Wanted
from models.domain.parts import Part
from models.parts import came_for_images
from models.tables import Arrival, Candidate, ImageRequest, RequestedStudy, Study

# A study may come before the source has been told: the request answers as soon as it has.
ASKED = (State.PLACED, *OPEN)


def wanted_like(session: Session, source_id: str, arrived: Arrived) -> list[Wanted]:
    """What is wanted of an Institution, by all who ask it, and may fit what arrived: nothing else can be a fit.

    The first who asked comes first. However many ask, the database is asked three times at most.
    """
    # Each of these is answered from indexes of its own.
    may_fit = union(
        select(RequestedStudy.id).where(or_(*_named(arrived))),
        _report_of(source_id, arrived),
        select(RequestedStudy.id)
        .join(ImageRequest, ImageRequest.id == RequestedStudy.request_id)
        .where(ImageRequest.source_id == source_id, ImageRequest.state.in_(ASKED), or_(*_of_patient(arrived))),
    )
    rows = session.execute(
        select(ImageRequest, RequestedStudy)
        .join(RequestedStudy, ImageRequest.id == RequestedStudy.request_id)
        .where(
            RequestedStudy.id.in_(may_fit),
            RequestedStudy.state == "wanted",
            ImageRequest.source_id == source_id,
            ImageRequest.state.in_(ASKED),
        )
        .order_by(ImageRequest.placed_at, ImageRequest.id, RequestedStudy.position)
    )
    return wanted_of(session, [(request, study) for request, study in rows])


def wanted_of(session: Session, rows: Iterable[tuple[ImageRequest, RequestedStudy]]) -> list[Wanted]:
    """Requested studies with what their requests say of the patient."""
    rows = list(rows)
    no_priors = _no_priors(session, {request.id for request, study in rows if study.is_prior})
    came = came_for_images(session, {study.report_of_id for _, study in rows if study.report_of_id})
    return [
        _wanted(request, study, no_priors[request.id] if study.is_prior else set(), came[study.report_of_id or ""])
        for request, study in rows
    ]


def _named(arrived: Arrived) -> list[ColumnElement[bool]]:
    return [
        RequestedStudy.StudyInstanceUID.in_({arrived.StudyInstanceUID.strip()} - {""}),
        RequestedStudy.AccessionNumber.in_(arrived.accessions - {""}),
    ]


def _report_of(source_id: str, arrived: Arrived) -> Select[str]:
    """The report that is still wanted of a study whose images have answered."""
    return (
        select(RequestedStudy.id)
        .join(Candidate, Candidate.requested_study_id == RequestedStudy.report_of_id)
        .join(Arrival, Arrival.id == Candidate.arrival_id)
        .join(Study, Study.id == Arrival.study_id)
        .where(
            Study.institution_id == source_id,
            Study.StudyInstanceUID == arrived.StudyInstanceUID,
            Candidate.answered_at.is_not(None),
        )
    )


def _of_patient(arrived: Arrived) -> list[ColumnElement[bool]]:
    return [
        ImageRequest.nhs_number.in_(arrived.nhs_numbers - {""}),
        ImageRequest.birth_date.in_({arrived.PatientBirthDate} - {""}),
        ImageRequest.source_patient_id.in_({arrived.PatientID} - {""}),
    ]


def _wanted(request: ImageRequest, study: RequestedStudy, no_priors: set[str], came: frozenset[str]) -> Wanted:
    # Whoever holds the images may not have the report.
    held = request.held_already if study.wants == Part.IMAGES else ()
    return Wanted(
        study_id=study.id,
        request_id=request.id,
        requester=request.institution_id,
        nhs_number=request.nhs_number,
        birth_date=request.birth_date,
        family_name=request.family_name,
        given_name=request.given_name,
        source_patient_id=request.source_patient_id,
        StudyInstanceUID=study.StudyInstanceUID,
        AccessionNumber=study.AccessionNumber,
        Modality=study.Modality,
        study_date_from=study.study_date_from,
        study_date_to=study.study_date_to,
        is_prior=study.is_prior,
        part=Part(study.wants),
        item=study.item,
        came=came,
        held_already=frozenset(held) | no_priors,
    )


def _no_priors(session: Session, request_ids: set[str]) -> Mapping[str, set[str]]:
    """By request, what is no earlier study: the UIDs that it names, and of what has answered it."""
    found: dict[str, set[str]] = defaultdict(set)
    if request_ids:
        is_theirs = RequestedStudy.request_id.in_(request_ids)
        named = select(RequestedStudy.request_id, RequestedStudy.StudyInstanceUID).where(
            is_theirs, RequestedStudy.StudyInstanceUID != ""
        )
        came = (
            select(RequestedStudy.request_id, Study.StudyInstanceUID)
            .join(Candidate, Candidate.requested_study_id == RequestedStudy.id)
            .join(Arrival, Arrival.id == Candidate.arrival_id)
            .join(Study, Study.id == Arrival.study_id)
            .where(is_theirs, Candidate.answered_at.is_not(None))
        )
        for request_id, uid in session.execute(named.union(came)):
            found[request_id].add(uid)
    return found
