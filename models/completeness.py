"""Whether a study is all there: what its sender lists, the strongest evidence, and who is still sending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Select, String, exists, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.domain.lifecycles.transfer import OPEN, State
from models.tables import Arrival, ArrivalInstance, Association, CommitmentRequest, Instance, Transfer, TransferStudy


@dataclass(frozen=True)
class Listed:
    """`here` of the `total` images that the sender lists by `means` have arrived."""

    means: str
    here: int
    total: int

    @property
    def complete(self) -> bool:
        return self.here == self.total


def listed(session: Session, arrival: Arrival) -> Listed | None:
    """The strongest list of the sender that speaks for the whole arrival.

    One that lacks something that has arrived speaks for a part of the study only: some systems ask for commitment
    to each image or series on its own.
    """
    rows = session.execute(of_its_images(arrival, Instance.SOPInstanceUID, Instance.complete_content))
    contents: dict[str, list[str]] = {row.SOPInstanceUID: row.complete_content for row in rows}
    images = set(contents)
    documents = {uid for uid, content in contents.items() if content}
    requests = session.scalars(
        select(CommitmentRequest.references).where(
            CommitmentRequest.institution_id == arrival.institution_id,
            # An older one spoke of what an earlier arrival brought.
            CommitmentRequest.taken_at >= arrival.opened_at,
            CommitmentRequest.references.has_any(literal(list(images), ARRAY(String))),
        )
    )
    return _compared(session, arrival, "storage commitment", images, requests) or _compared(
        session, arrival, "key object selection", images - documents, (contents[uid] for uid in documents)
    )


def still_connected(session: Session, arrival: Arrival) -> bool:
    """Whether an association that brought some of it is open."""
    brought = select(ArrivalInstance.association_id).where(ArrivalInstance.arrival_id == arrival.id).distinct()
    open_ones = exists().where(Association.ended_at.is_(None), Association.id.in_(brought))
    return bool(session.scalar(select(open_ones)))


def worth_a_look(session: Session, arrival: Arrival) -> bool:
    """Whether what came since the last look can be the last of it.

    While a sender is connected it is, once all is here that the sender lists. Of what a transfer fetches the transfer
    itself says when all has come; where it has given up waiting, anything may be what was missing.
    """
    fetching = select(Transfer.state).join(TransferStudy).where(TransferStudy.arrival_id == arrival.id)
    states = set(session.scalars(fetching.where(Transfer.state.in_(OPEN))))
    if states:
        return State.NEEDS_ATTENTION in states
    if not still_connected(session, arrival):
        return True
    said = listed(session, arrival)
    return said is not None and said.complete


def _compared(
    session: Session, arrival: Arrival, means: str, images: set[str], lists: Iterable[Iterable[str]]
) -> Listed | None:
    named = {uid for one in lists for uid in one}
    here = named & images
    missing = named - images
    if missing:
        missing -= _elsewhere(session, arrival, missing)
    if not here or (not missing and here != images):
        return None
    return Listed(means, len(here), len(here | missing))


def _elsewhere(session: Session, arrival: Arrival, uids: set[str]) -> set[str]:
    """Which of `uids` belong to other studies, or had come before this arrival was opened."""
    return set(
        session.scalars(
            select(Instance.SOPInstanceUID)
            .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
            .join(Arrival, Arrival.id == ArrivalInstance.arrival_id)
            .where(
                Instance.institution_id == arrival.institution_id,
                Instance.SOPInstanceUID.in_(uids),
                or_(Instance.study_id != arrival.study_id, Arrival.sealed_at <= arrival.opened_at),
            )
        )
    )


def of_its_images(arrival: Arrival, *columns: InstrumentedAttribute[Any]) -> Select[Any]:
    """`columns` of every image that the arrival brought."""
    return (
        select(*columns)
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .where(ArrivalInstance.arrival_id == arrival.id)
    )
