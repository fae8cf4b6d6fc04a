"""Which parts of a study are there: what an arrival brought, and what has answered a request already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.domain.matching import Wanted
from models.domain.parts import Part, parts_of
from models.tables import Arrival, ArrivalInstance, Candidate, Instance, RequestedStudy, Study


def sop_classes(session: Session, arrival: Arrival) -> frozenset[str]:
    """Of the arrival's own images and documents, whatever else of its study came before."""
    return frozenset(
        session.scalars(
            select(Instance.SOPClassUID)
            .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
            .where(ArrivalInstance.arrival_id == arrival.id)
            .distinct()
        )
    )


def parts_held(session: Session, arrival: Arrival) -> frozenset[Part]:
    return parts_of(sop_classes(session, arrival))


def came_for_images(session: Session, study_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
    """By requested images: the StudyInstanceUIDs of what has answered for them."""
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    if study_ids:
        rows = session.execute(
            select(Candidate.requested_study_id, Study.StudyInstanceUID)
            .join(Arrival, Arrival.id == Candidate.arrival_id)
            .join(Study, Study.id == Arrival.study_id)
            .where(Candidate.requested_study_id.in_(study_ids), Candidate.answered_at.is_not(None))
        )
        for study_id, uid in rows:
            found[study_id] |= {uid}
    return found


def without_others(
    session: Session, arrival: Arrival, holds: Collection[Part], wanted: Iterable[Wanted]
) -> list[Wanted]:
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
    return [
        one
        for one in wanted
        if one.request_id not in answered or (one.item in answered[one.request_id] and one.part in holds)
    ]
