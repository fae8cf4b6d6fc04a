"""What a request asks for, line by line, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.domain.parts import Part
from models.tables import ImageRequest, RequestedStudy, Transaction

BOTH = "both"
Row = TypeVar("Row", bound=Sequence[Any])


def in_words(description: str, modality: str, *, wants: str, is_prior: bool = False) -> str:
    """Like "CT head", "Report of CT head" or, with `wants` both, "CT head and its report"."""
    if is_prior and not description:
        return "Reports of earlier studies" if wants == Part.REPORT else "Earlier studies"
    named = description or modality
    if not named.upper().startswith(modality):
        named = f"{modality} {description}"
    if wants == Part.REPORT:
        return f"Report of {named}" if named else "Report"
    return f"{named or 'One study'}{' and its report' if wants == BOTH else ''}"


def line_of(study: RequestedStudy, wants: str = "", *, shown: bool = True) -> str:
    """One line of a request; without what describes the patient's examination unless that is `shown`."""
    description = study.description if shown else ""
    return in_words(description, study.Modality, wants=wants or study.wants, is_prior=study.is_prior)


def description_of(request: ImageRequest) -> str:
    """Like "CT head and 2 more", or "CT head and its report"."""
    items: dict[str, list[RequestedStudy]] = {}
    for study in request.studies:
        items.setdefault(study.item, []).append(study)
    lines = [line_of(first, BOTH if others else "") for first, *others in items.values()]
    return f"{lines[0]} and {len(lines) - 1} more" if lines[1:] else "".join(lines)


def descriptions(session: Session, references: Sequence[str]) -> dict[str, str]:
    """What each of these requests asks for, in their order. The caller says whether the reader may see it."""
    rows = session.execute(
        select(Transaction.reference, ImageRequest)
        .join(Transaction, Transaction.id == ImageRequest.transaction_id)
        .where(Transaction.reference.in_(references))
        .options(selectinload(ImageRequest.studies))
    )
    found = {reference: description_of(request) for reference, request in rows}
    return {reference: found[reference] for reference in references}


def by_item(rows: Iterable[Row]) -> list[tuple[Row, str]]:
    """Rows that begin with a Candidate and its RequestedStudy: of each arrival one for each item, and what it wants.

    Where an arrival may answer both parts of an item, or does, that is one line.
    """
    found: dict[tuple[str, str, bool], list[Row]] = {}
    for row in rows:
        candidate, study = row[0], row[1]
        found.setdefault((candidate.arrival_id, study.item, candidate.answered_at is None), []).append(row)
    return [
        (min(same, key=lambda row: row[1].position), BOTH if same[1:] else same[0][1].wants) for same in found.values()
    ]
