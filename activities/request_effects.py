"""What a step of a request changes in the studies that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from models.answers import answer, close, hurry, want_again
from models.candidates import certainly, with_other_part
from models.domain.contracts import Transition
from models.domain.urgency import Urgency
from models.office_hours import expires_at
from models.tables import Arrival, Candidate, ImageRequest, RequestedStudy

Content = Mapping[str, Any]


def matched(session: Session, request: ImageRequest, step: Transition, content: Content) -> None:
    arrival = session.get_one(Arrival, step.other_id)
    for study in _answered_by(session, request, arrival, str(content.get("requested_study_id", ""))):
        answer(session, study, arrival.id, step.actor, step.at)
    if content:
        # A person said so, of what may go there since long ago; else the arrival itself tells its deliveries.
        hurry(session, arrival, request)


def _answered_by(session: Session, request: ImageRequest, arrival: Arrival, chosen: str) -> list[RequestedStudy]:
    """The study that a person chose, else that of those still wanted which the arrival certainly is.

    Images and report of one study are two rows: what brings both answers both.
    """
    if not chosen:
        return certainly(session, request, arrival)
    candidate = session.get(Candidate, (chosen, arrival.id))
    if candidate is None or candidate.study.request_id != request.id:
        return []
    return with_other_part(session, request, arrival, candidate.study)


def declined_in_part(session: Session, request: ImageRequest, step: Transition, content: Content) -> None:
    """The study that is named, or all that are still wanted."""
    named = str(content.get("requested_study_id", ""))
    for study in request.studies:
        if study.state == "wanted" and named in ("", study.id):
            close(session, study, str(content.get("reason", "")) or step.detail)


def reopened(session: Session, request: ImageRequest, step: Transition, content: Content) -> None:
    want_again(session, request, step.at)
    request.expires_at = expires_at(Urgency(request.transaction.urgency), step.at)
