"""What has come before it was asked for: arrivals that a new request may be about, found without reading all."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, contains_eager

from models.domain.lifecycles.arrival import State as ArrivalState
from models.domain.lifecycles.delivery import State as DeliveryState
from models.held_already import names_nhs_number
from models.tables import Arrival, Delivery, ImageRequest, Parcel, Study, now

UNDECIDED = (ArrivalState.RECEIVING, ArrivalState.FORWARDING, ArrivalState.SETTLED, ArrivalState.HELD)
"""Not held alone: what is routed at this moment may have asked the requests before this one was there."""
LATELY = timedelta(days=14)
"""Who rings first, gets the study and asks for it afterwards does so within days."""
MOST = 25
MOST_STUDIES = 100


def came_before(session: Session, request: ImageRequest) -> list[Arrival]:
    """The latest arrivals that may be what a request asks for, 25 at most; the caller compares them field by field.

    Those are what its source has yet to decide about, and what came from there lately and goes to the requester.
    """
    of_these = Arrival.study_id.in_(_studies(session, request))
    undecided = select(Arrival.id).where(of_these, Arrival.state.in_(UNDECIDED))
    going = (
        select(Parcel.arrival_id)
        .join(Arrival, Arrival.id == Parcel.arrival_id)
        .join(Delivery, Delivery.parcel_id == Parcel.id)
        .where(of_these, Arrival.opened_at > now() - LATELY, goes_to(request.institution_id))
    )
    ids = set(session.scalars(undecided.union(going)))
    latest = (
        select(Arrival)
        .join(Arrival.study)
        .options(contains_eager(Arrival.study))
        .where(Arrival.id.in_(ids))
        .order_by(or_(*_named(request)).desc(), Arrival.opened_at.desc())
        .limit(MOST)
    )
    return list(session.scalars(latest))


def goes_to(institution_id: str) -> ColumnElement[bool]:
    """Of a Delivery: it goes to the Institution, or is there."""
    has_ended = Delivery.state.in_((DeliveryState.REFUSED, DeliveryState.ABANDONED))
    return (Delivery.institution_id == institution_id) & ~has_ended


def _studies(session: Session, request: ImageRequest) -> set[str]:
    named = _named(request)
    possible = list(named)
    if request.birth_date:
        year, month, day = request.birth_date[:4], request.birth_date[4:6], request.birth_date[6:]
        # Older objects part it by full stops (PS3.5 Section 6.2, note on DA).
        for written in (request.birth_date, f"{year}.{month}.{day}"):
            possible.append(Study.patient.contains({"PatientBirthDate": written}))
    found = (
        select(Study.id)
        .where(Study.institution_id == request.source_id, or_(*possible))
        # Many are born on the day that stands for "unknown".
        .order_by(or_(*named).desc(), Study.first_received_at.desc())
        .limit(MOST_STUDIES)
    )
    return set(session.scalars(found))


def _named(request: ImageRequest) -> list[ColumnElement[bool]]:
    """Of a Study: it is named itself, or its patient is by a number."""
    uids = {study.StudyInstanceUID for study in request.studies} - {""}
    accessions = {study.AccessionNumber for study in request.studies} - {""}
    named: list[ColumnElement[bool]] = [Study.StudyInstanceUID.in_(uids), Study.AccessionNumber.in_(accessions)]
    if request.nhs_number:
        named.append(names_nhs_number(request.nhs_number))
    if request.source_patient_id:
        named.append(Study.patient.contains({"PatientID": request.source_patient_id}))
    return named
