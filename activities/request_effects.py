"""What a step of a request changes in the studies that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.answers import answer, close, want_again
from models.candidates import certainly
from models.domain.contracts import Transition
from models.domain.urgency import Urgency
from models.office_hours import expires_at
from models.tables import Arrival, Candidate, ImageRequest, RequestedStudy

Content = Mapping[str, Any]


def matched(session: Session, request: ImageRequest, step: Transition, content: Content) -> None:
    study = _answered_by(session, request, step.other_id, str(content.get("requested_study_id", "")))
    if study is not None:
        answer(session, study, step.other_id, step.actor, step.at)


def _answered_by(session: Session, request: ImageRequest, arrival_id: str, chosen: str) -> RequestedStudy | None:
    """The study that a person chose, else that of those still wanted which the arrival certainly is."""
    candidates = (
        select(RequestedStudy)
        .join(Candidate, Candidate.requested_study_id == RequestedStudy.id)
        .where(RequestedStudy.request_id == request.id, Candidate.arrival_id == arrival_id)
    )
    if chosen:
        return session.scalars(candidates.where(RequestedStudy.id == chosen)).one_or_none()
    if session.scalars(candidates.where(Candidate.answered_at.is_not(None))).first() is not None:
        # Offered again, after a workflow was run again: one arrival is one answer.
        return None
    return certainly(session, request, session.get_one(Arrival, arrival_id))


def declined_in_part(session: Session, request: ImageRequest, step: Transition, content: Content) -> None:
    """The study that is named, or all that are still wanted."""
    named = str(content.get("requested_study_id", ""))
    for study in request.studies:
        if study.state == "wanted" and named in ("", study.id):
            close(session, study, str(content.get("reason", "")) or step.detail)


def reopened(session: Session, request: ImageRequest, step: Transition, content: Content) -> None:
    want_again(session, request, step.at)
    request.expires_at = expires_at(Urgency(request.transaction.urgency), step.at)
