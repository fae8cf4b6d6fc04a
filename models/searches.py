"""Searches of the own PACS: asked, kept for the page that shows them, forgotten."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.domain.pacs_search import Criteria, Hit, Level, State
from models.outbox import post
from models.tables import Node, OutboxCommand, PacsHit, PacsSearch, new_id, now

KEPT_FOR = timedelta(minutes=55)
"""They name patients; whatever sweeps every few minutes ends them within the hour."""


def searchable(session: Session, institution_id: str) -> list[Node]:
    """The Institution's own Nodes that can be asked, by name."""
    return list(
        session.scalars(
            select(Node)
            .where(Node.institution_id == institution_id, Node.query_back.is_(True), Node.host != "", Node.port > 0)
            .order_by(Node.name)
        )
    )


def ask(
    session: Session,
    *,
    institution_id: str,
    account_id: str,
    node_id: str,
    criteria: Criteria,
    command_id: str,
    request_id: str | None = None,
) -> str:
    """Have a Node asked for studies, in the caller's transaction; the search's id. A double click is one search.

    Raises NotAllowed with a sentence when that Node is not the Institution's, or cannot be asked.
    """
    if not criteria.is_strong:
        raise NotAllowed("Give an NHS number, a Patient ID, an accession number, or a family name with birth date.")
    if node_id not in {node.id for node in searchable(session, institution_id)}:
        raise NotAllowed("That PACS cannot be searched; choose one from the list.")
    search = PacsSearch(
        id=new_id(),
        institution_id=institution_id,
        account_id=account_id,
        node_id=node_id,
        request_id=request_id,
        level=Level.STUDY.value,
        criteria=asdict(criteria),
        asked_at=now(),
    )
    return _asked(session, search, command_id)


def ask_for_series(
    session: Session, of: PacsSearch, hit: PacsHit, *, account_id: str, command_id: str
) -> tuple[str, bool]:
    """Have the same Node asked for the series of one study that it said it has.

    The search's id, and whether it is new: one that is under way, or was answered, stays.
    """
    for before in series_searches(session, of.id):
        if before.criteria["StudyInstanceUID"] == hit.StudyInstanceUID and before.state != State.FAILED:
            return before.id, False
    search = PacsSearch(
        id=new_id(),
        institution_id=of.institution_id,
        account_id=account_id,
        node_id=of.node_id,
        search_id=of.id,
        level=Level.SERIES.value,
        criteria={"StudyInstanceUID": hit.StudyInstanceUID, "PatientID": hit.facts.get("PatientID", "")},
        asked_at=of.asked_at,
    )
    return _asked(session, search, command_id), True


def _asked(session: Session, search: PacsSearch, command_id: str) -> str:
    forget_old(session)
    is_new = post(
        session,
        command_id,
        institution_id=search.institution_id,
        kind=CommandKind.SEARCH_PACS,
        subject_id=search.id,
        actor=search.account_id,
    )
    if is_new:
        session.add(search)
        session.flush()
        return search.id
    first = session.get_one(OutboxCommand, command_id)
    # A token is no key to what somebody else has asked.
    if (first.kind, first.actor) != (CommandKind.SEARCH_PACS.value, search.account_id):
        raise NotAllowed("This form was used before; open a new one.")
    return first.subject_id


def search_of(session: Session, institution_id: str, search_id: str) -> PacsSearch | None:
    """A search of the Institution's own that is not forgotten yet."""
    return session.scalars(
        select(PacsSearch).where(
            PacsSearch.id == search_id,
            PacsSearch.institution_id == institution_id,
            PacsSearch.asked_at > now() - KEPT_FOR,
        )
    ).one_or_none()


def series_searches(session: Session, search_id: str) -> list[PacsSearch]:
    """What was asked about the series of a search's hits; the latest last."""
    found = select(PacsSearch).where(PacsSearch.search_id == search_id).order_by(PacsSearch.asked_at, PacsSearch.id)
    return list(session.scalars(found))


def forget_old(session: Session) -> None:
    """Everybody's, with what they found."""
    session.execute(delete(PacsSearch).where(PacsSearch.asked_at <= now() - KEPT_FOR))


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """As it lies in a JSON column."""
    return asdict(hit)


def hit_from_json(stored: dict[str, Any]) -> Hit:
    """What `hit_to_json` made, back."""
    lists = {name: tuple(stored[name]) for name in ("other_ids", "ModalitiesInStudy")}
    return Hit(**stored | lists)
