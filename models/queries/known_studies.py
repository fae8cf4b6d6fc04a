"""What the exchange knows already of studies that a PACS lists: that it has them, or that somebody asks for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.requests import UNFINISHED
from models.tables import Arrival, ImageRequest, RequestedStudy, Study, Transaction


@dataclass(frozen=True)
class Known:
    """A Transaction about the study, with the Institution at its other side (empty while none is known)."""

    reference: str
    partner: str
    is_request: bool


def known_studies(session: Session, institution_id: str, studies: Mapping[str, str]) -> Mapping[str, tuple[Known, ...]]:
    """By StudyInstanceUID, for studies of the Institution's own; `studies` maps them to their AccessionNumbers."""
    found: dict[str, list[Known]] = defaultdict(list)
    for uid, known in (*_came(session, institution_id, studies), *_asked(session, institution_id, studies)):
        if known not in found[uid]:
            found[uid].append(known)
    return {uid: tuple(known) for uid, known in found.items()}


def _came(session: Session, institution_id: str, uids: Collection[str]) -> list[tuple[str, Known]]:
    rows = session.execute(
        select(Study.StudyInstanceUID, Transaction.reference, Transaction.destination_id)
        .join(Arrival, Arrival.study_id == Study.id)
        .join(Transaction, Transaction.id == Arrival.transaction_id)
        .where(Study.institution_id == institution_id, Study.StudyInstanceUID.in_(uids))
        .order_by(Transaction.opened_at)
    )
    return [(uid, Known(reference, destination or "", False)) for uid, reference, destination in rows]


def _asked(session: Session, institution_id: str, studies: Mapping[str, str]) -> list[tuple[str, Known]]:
    by_accession = {accession: uid for uid, accession in studies.items() if accession}
    rows = session.execute(
        select(
            RequestedStudy.StudyInstanceUID,
            RequestedStudy.AccessionNumber,
            Transaction.reference,
            ImageRequest.institution_id,
        )
        .join(ImageRequest, ImageRequest.id == RequestedStudy.request_id)
        .join(Transaction, Transaction.id == ImageRequest.transaction_id)
        .where(
            ImageRequest.source_id == institution_id,
            ImageRequest.state.in_(UNFINISHED),
            RequestedStudy.state == "wanted",
            or_(
                RequestedStudy.StudyInstanceUID.in_(list(studies)),
                RequestedStudy.AccessionNumber.in_(list(by_accession)),
            ),
        )
        .order_by(ImageRequest.placed_at)
    )
    return [
        (uid if uid in studies else by_accession.get(accession, uid), Known(reference, requester, True))
        for uid, accession, reference, requester in rows
    ]
