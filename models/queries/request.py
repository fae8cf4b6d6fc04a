"""What a request asks for and what came in answer; and which requests an arrival answers, or may answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, contains_eager

from models.answers import FAILED
from models.domain.identity import PatientFacts
from models.domain.lifecycles.arrival import State as ArrivalState
from models.domain.lifecycles.request import OPEN, State
from models.domain.nhs_number import ISSUER
from models.queries.candidates import still_wanted
from models.queries.people import names
from models.queries.requested import by_item, line_of
from models.queries.viewer import Viewer, visible
from models.tables import Arrival, Candidate, Delivery, ImageRequest, Parcel, RequestedStudy, Transaction

UNANSWERED = (State.DECLINED, State.WITHDRAWN, State.EXPIRED)
"""Requests that have ended so want nothing any more."""
GIVEN_UP = (*FAILED, ArrivalState.REFUSED)


@dataclass(frozen=True)
class Fitting:
    """A study that answers a request (`answered_at` is set, by `who`) or may do so, with what agrees and differs.

    Of one that `goes_to_requester` already, either side may say that it is what was asked for; one that did not get
    there has `ended`, as refused or abandoned, and `why`. Support does not read its `description` and
    `study_date`.

    `reference` is the other Transaction's: the study's on a request's page, the request's on a study's page; there
    `asked` says what it asks for.
    """

    reference: str
    agrees: tuple[str, ...]
    differs: tuple[str, ...]
    is_certain: bool
    answered_at: datetime | None
    who: str = ""
    count: int = 0
    requested_study_id: str = ""
    arrival_id: str = ""
    goes_to_requester: bool = False
    ended: str = ""
    why: str = ""
    description: str = ""
    study_date: str = ""
    modalities: tuple[str, ...] = ()
    asked: str = ""


@dataclass(frozen=True)
class AskedStudy:
    """One line of a request: a study, or the report of one (`wants`), and what it is called in words.

    What describes the patient's examination is empty for whoever sees no patients.
    """

    id: str
    words: str
    wants: str
    Modality: str
    description: str
    study_date_from: str
    study_date_to: str
    AccessionNumber: str
    StudyInstanceUID: str
    is_prior: bool
    state: str
    reason: str
    fitting: tuple[Fitting, ...]


@dataclass(frozen=True)
class RequestFacts:
    """`nhs_number`, `source_patient_id` and `reason` are empty for whoever sees no patients.

    `expires_at` is None where it does not expire: before the source is told, and once all of it has come.
    """

    id: str
    institution_id: str
    placed_by: str
    placed_at: datetime
    expires_at: datetime | None
    remind_at: datetime | None
    reminded: int
    recipient: str
    call_back: str
    nhs_number: str
    source_patient_id: str
    reason: str
    studies: tuple[AskedStudy, ...]


def patient_of(request: ImageRequest) -> PatientFacts:
    """The patient as the request names it: a person name in DICOM's form, the NHS number or else the source's ID."""
    return PatientFacts(
        PatientID=request.nhs_number or request.source_patient_id,
        IssuerOfPatientID=ISSUER if request.nhs_number else request.source_id,
        PatientName=f"{request.family_name}^{request.given_name}",
        PatientBirthDate=request.birth_date,
    )


def request_facts(session: Session, viewer: Viewer, request: ImageRequest) -> RequestFacts:
    fitting = _fitting_studies(session, viewer, request)
    shown = viewer.sees_patients
    return RequestFacts(
        id=request.id,
        institution_id=request.institution_id,
        placed_by=names(session, [request.placed_by])[request.placed_by],
        placed_at=request.placed_at,
        expires_at=request.expires_at if request.state in OPEN else None,
        remind_at=request.next_reminder_at,
        reminded=request.reminded,
        recipient=request.recipient,
        call_back=request.call_back,
        nhs_number=request.nhs_number if shown else "",
        source_patient_id=request.source_patient_id if shown else "",
        reason=request.reason if shown else "",
        studies=tuple(_asked(study, request.state, shown, fitting[study.id]) for study in request.studies),
    )


def requests_of(session: Session, viewer: Viewer, transaction: Transaction, arrival: Arrival) -> tuple[Fitting, ...]:
    """The requests that an arrival answers on its way to the Transaction's destination, and those it may answer."""
    rows = session.execute(
        select(Candidate, RequestedStudy, Transaction.reference, Transaction.destination_id)
        .join(RequestedStudy, RequestedStudy.id == Candidate.requested_study_id)
        .join(ImageRequest, ImageRequest.id == RequestedStudy.request_id)
        .join(Transaction, Transaction.id == ImageRequest.transaction_id)
        .where(
            Candidate.arrival_id == arrival.id,
            Candidate.dismissed_at.is_(None),
            or_(Candidate.answered_at.is_not(None), still_wanted()),
            visible(viewer),
        )
        .order_by(Candidate.answered_at, Candidate.found_at, RequestedStudy.position)
    ).all()
    return tuple(
        replace(_fitting(candidate, reference), asked=line_of(study, wants, shown=viewer.sees_patients))
        for (candidate, study, reference, requester), wants in by_item(rows)
        if requester == transaction.destination_id or (candidate.answered_at is None and transaction.kind == "push")
    )


def _asked(study: RequestedStudy, ended: str, shown: bool, fitting: Collection[Fitting]) -> AskedStudy:
    """With how its request `ended`, if it did: then nothing is wanted any more."""
    state = ended if study.state == "wanted" and ended in UNANSWERED else study.state
    return AskedStudy(
        id=study.id,
        words=line_of(study, shown=shown),
        wants=study.wants,
        Modality=study.Modality,
        description=study.description if shown else "",
        study_date_from=study.study_date_from if shown else "",
        study_date_to=study.study_date_to if shown else "",
        AccessionNumber=study.AccessionNumber if shown else "",
        StudyInstanceUID=study.StudyInstanceUID,
        is_prior=study.is_prior,
        state=state,
        reason=study.reason if shown else "",
        fitting=tuple(one for one in fitting if one.answered_at or state == "wanted"),
    )


def _fitting_studies(session: Session, viewer: Viewer, request: ImageRequest) -> dict[str, list[Fitting]]:
    """By requested study. A study that the viewer's Institution neither sent nor gets is not told of.

    What was set aside is left out, unless it was refused or abandoned on its way to the requester.
    """
    rows = session.execute(
        select(Candidate, Arrival)
        .join(Arrival, Arrival.id == Candidate.arrival_id)
        .join(Arrival.study)
        .options(contains_eager(Arrival.study))
        .where(Candidate.requested_study_id.in_([study.id for study in request.studies]))
        .order_by(Candidate.answered_at, Candidate.found_at)
    ).all()
    going = _going(session, viewer, request, [arrival.id for _, arrival in rows])
    own = _own(session, viewer, [arrival.transaction_id for _, arrival in rows])
    called = names(session, {candidate.actor for candidate, _ in rows if candidate.actor})
    found: dict[str, list[Fitting]] = defaultdict(list)
    for candidate, arrival in rows:
        delivery, reference = going.get(arrival.id, (None, own.get(arrival.transaction_id, "")))
        end = next((one for one in (delivery, arrival) if one and one.state in GIVEN_UP), None)
        was_sent_back = delivery is not None and delivery.state in FAILED
        if not reference or (candidate.dismissed_at and not was_sent_back):
            continue
        who = called.get(candidate.actor, "")
        found[candidate.requested_study_id].append(
            replace(
                _fitting(candidate, reference, who, arrival.count),
                goes_to_requester=delivery is not None and end is None,
                ended=end.state if end else "",
                why=end.state_detail if end and viewer.sees_patients else "",
                description=arrival.study.StudyDescription if viewer.sees_patients else "",
                study_date=arrival.study.StudyDate if viewer.sees_patients else "",
                modalities=tuple(arrival.study.ModalitiesInStudy),
            )
        )
    return found


def _going(
    session: Session, viewer: Viewer, request: ImageRequest, arrival_ids: Collection[str]
) -> dict[str, tuple[Delivery, str]]:
    """By arrival: its delivery to the requester, as its own, as a copy or forwarded by a third, and the reference."""
    rows = session.execute(
        select(Parcel.arrival_id, Delivery, Transaction.reference)
        .join(Delivery, Delivery.parcel_id == Parcel.id)
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .where(
            Parcel.arrival_id.in_(arrival_ids),
            Delivery.institution_id == request.institution_id,
            visible(viewer),
        )
        .order_by(Delivery.created_at)
    )
    return {arrival_id: (delivery, reference) for arrival_id, delivery, reference in rows}


def _own(session: Session, viewer: Viewer, transaction_ids: Collection[str]) -> dict[str, str]:
    """By the Transaction that came with the images: its reference."""
    found = select(Transaction).where(Transaction.id.in_(transaction_ids), visible(viewer))
    return {one.id: one.reference for one in session.scalars(found)}


def _fitting(candidate: Candidate, reference: str, who: str = "", count: int = 0) -> Fitting:
    return Fitting(
        reference=reference,
        agrees=tuple(candidate.agrees),
        differs=tuple(candidate.differs),
        is_certain=candidate.is_certain,
        answered_at=candidate.answered_at,
        who=who,
        count=count,
        requested_study_id=candidate.requested_study_id,
        arrival_id=candidate.arrival_id,
    )
