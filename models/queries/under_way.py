"""How far what came in answer to requests is on its way to those who asked: what stands behind a request's sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, distinct, func, select
from sqlalchemy.orm import Session

from models.answers import FAILED
from models.domain.lifecycles.delivery import State
from models.tables import Candidate, Delivery, Parcel, RequestedStudy

STOPPED = (State.NEEDS_ATTENTION, State.DIFFERS_AT_DESTINATION)


@dataclass(frozen=True)
class UnderWay:
    """Studies `on_worklist` wait for a release by the requester, `stopped` ones for a decision; `lost` were refused.

    `held` ones, of a transfer, have not left their own Institution: its PACS officer decides.

    `possible` ones go to the requester, too; whether they answer a person has yet to say. `in_part` ones got there but
    for images that a person left out.
    """

    on_worklist: int = 0
    stopped: int = 0
    lost: int = 0
    possible: int = 0
    in_part: int = 0
    held: int = 0


def under_way(session: Session, request_ids: Collection[str]) -> Mapping[str, UnderWay]:
    """By request of which anything has come; one select however many they are."""
    if not request_ids:
        return {}
    answers = Candidate.answered_at.is_not(None)
    unsaid = and_(Candidate.answered_at.is_(None), Candidate.dismissed_at.is_(None), RequestedStudy.state == "wanted")
    given_up = and_(Candidate.dismissed_at.is_not(None), RequestedStudy.state == "wanted")
    rows = session.execute(
        select(
            RequestedStudy.request_id,
            _count(and_(answers, Delivery.state == State.ON_WORKLIST)),
            _count(and_(answers, Delivery.state.in_(STOPPED))),
            _count(and_(given_up, Delivery.state.in_(FAILED))),
            _count(and_(unsaid, Delivery.state.not_in(FAILED))),
            _count(and_(answers, Delivery.state == State.CONFIRMED_IN_PART)),
        )
        .join(Candidate, Candidate.requested_study_id == RequestedStudy.id)
        .join(Parcel, Parcel.arrival_id == Candidate.arrival_id)
        .join(Delivery, (Delivery.parcel_id == Parcel.id) & (Delivery.institution_id == RequestedStudy.institution_id))
        .where(RequestedStudy.request_id.in_(request_ids))
        .group_by(RequestedStudy.request_id)
    )
    return {request_id: UnderWay(*counts) for request_id, *counts in rows}


def _count(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(distinct(Delivery.id)).filter(which)
