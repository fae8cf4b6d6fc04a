"""Which parts of a study are there: what an arrival brought, and what has answered a request already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.domain.matching import Wanted
from models.domain.parts import Part, parts_of
from models.tables import Arrival, ArrivalInstance, Candidate, Instance, RequestedStudy, Study


def parts_held(session: Session, arrival: Arrival) -> frozenset[Part]:
    """By the arrival's own images and documents, whatever else of its study came before."""
    return parts_of(
        session.scalars(
            select(Instance.SOPClassUID)
            .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
            .where(ArrivalInstance.arrival_id == arrival.id)
            .distinct()
        )
    )


def came_for_its_images(session: Session, study: RequestedStudy) -> frozenset[str]:
    """Of a report that is asked for with its images: the StudyInstanceUIDs of what has answered for these."""
    if study.report_of_id is None:
        return frozenset()
    return frozenset(
        session.scalars(
            select(Study.StudyInstanceUID)
            .join(Arrival, Arrival.study_id == Study.id)
            .join(Candidate, Candidate.arrival_id == Arrival.id)
            .where(Candidate.requested_study_id == study.report_of_id, Candidate.answered_at.is_not(None))
        )
    )


def without_others(session: Session, arrival: Arrival, wanted: Iterable[Wanted]) -> list[Wanted]:
    """A study that answers one item of a request is no other one of it, but may bring the other part of that item."""
    rows = session.execute(
        select(RequestedStudy.request_id, func.coalesce(RequestedStudy.report_of_id, RequestedStudy.id))
        .join(Candidate, Candidate.requested_study_id == RequestedStudy.id)
        .join(Arrival, Arrival.id == Candidate.arrival_id)
        .where(Arrival.study_id == arrival.study_id, Candidate.answered_at.is_not(None))
    )
    answered: dict[str, set[str]] = defaultdict(set)
    for request_id, item in rows:
        answered[request_id].add(item)
    holds = parts_held(session, arrival)
    return [
        one
        for one in wanted
        if one.request_id not in answered or (one.item in answered[one.request_id] and one.part in holds)
    ]
