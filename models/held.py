"""Closing what is held apart: somebody of the source has looked, or of support where no Institution sent it."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy.orm import Session

from models.audit import record_act
from models.domain.errors import NotFound
from models.tables import HeldObject, now


class Outcome(StrEnum):
    """What was done about an object that was held apart."""

    SENDER_TOLD = "sender-told"
    KEPT_APART = "kept-apart"


def resolve(
    session: Session, held_id: str, *, institution_id: str | None, actor: str, outcome: Outcome, resolution: str
) -> None:
    """The object leaves the list of what waits; the first to say so counts.

    Raises NotFound for another's than that of `institution_id`, which is None for what came from no Institution.
    """
    held = session.get(HeldObject, held_id, with_for_update=True)
    if held is None or held.institution_id != institution_id:
        raise NotFound("There is no such object held apart.")
    if held.resolved_at is not None:
        return
    held.resolved_at, held.resolved_by = now(), actor
    held.outcome, held.resolution = outcome.value, resolution
    record_act(
        session,
        institution_id=institution_id,
        actor=actor,
        act="held-object.resolved",
        subject=held_id,
        facts={"outcome": outcome.value},
    )
