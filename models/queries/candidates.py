"""Which requests a held study may answer: for each what agrees and what differs, and whom to ring about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from models.domain.lifecycles.request import State
from models.domain.urgency import Urgency
from models.queries.requested import by_item, line_of
from models.queries.viewer import Viewer
from models.tables import Candidate, ImageRequest, Institution, RequestedStudy, Transaction
from models.wanted import ASKED


@dataclass(frozen=True)
class Possible:
    """One requested study that is still wanted, `asked` for in words; without patients for whoever sees none.

    Where it is wanted with its report, and the arrival may be both, that is one line.
    """

    requested_study_id: str
    reference: str
    urgency: Urgency
    requester: str
    phone: str
    recipient: str
    asked: str
    study_date_from: str
    study_date_to: str
    agrees: tuple[str, ...]
    differs: tuple[str, ...]


def how_many_fit(session: Session, arrival_ids: Collection[str]) -> dict[str, int]:
    """By arrival: how many requests it may answer; those that none fits are not here."""
    if not arrival_ids:
        return {}
    rows = session.execute(
        select(Candidate.arrival_id, func.count(ImageRequest.id.distinct()))
        .join(RequestedStudy, RequestedStudy.id == Candidate.requested_study_id)
        .join(ImageRequest, ImageRequest.id == RequestedStudy.request_id)
        .where(Candidate.arrival_id.in_(arrival_ids), *_open())
        .group_by(Candidate.arrival_id)
    )
    return dict(rows.all())


def possible_requests(
    session: Session, viewer: Viewer, arrival_ids: Collection[str]
) -> dict[str, tuple[Possible, ...]]:
    """By arrival, the one that fits best first. The caller says which arrivals the viewer may see."""
    rows = session.execute(
        select(Candidate, RequestedStudy, ImageRequest, Transaction, Institution.phone)
        .join(RequestedStudy, RequestedStudy.id == Candidate.requested_study_id)
        .join(ImageRequest, ImageRequest.id == RequestedStudy.request_id)
        .join(Transaction, Transaction.id == ImageRequest.transaction_id)
        .join(Institution, Institution.ods_code == ImageRequest.institution_id)
        .where(
            Candidate.arrival_id.in_(arrival_ids),
            *_open(),
        )
        .order_by(Candidate.is_certain.desc(), ImageRequest.placed_at, RequestedStudy.position)
    ).all()
    found: dict[str, list[Possible]] = defaultdict(list)
    for (candidate, study, request, transaction, phone), wants in by_item(rows):
        shown = viewer.sees_patients
        found[candidate.arrival_id].append(
            Possible(
                requested_study_id=study.id,
                reference=transaction.reference,
                urgency=Urgency(transaction.urgency),
                requester=request.institution_id,
                phone=phone,
                recipient=request.recipient,
                asked=line_of(study, wants, shown=shown),
                study_date_from=study.study_date_from if shown else "",
                study_date_to=study.study_date_to if shown else "",
                agrees=tuple(candidate.agrees),
                differs=tuple(candidate.differs),
            )
        )
    return {
        arrival_id: tuple(sorted(many, key=lambda one: len(one.differs) - len(one.agrees)))
        for arrival_id, many in found.items()
    }


def still_wanted() -> ColumnElement[bool]:
    """Of a RequestedStudy with its ImageRequest: a study may yet answer it."""
    return and_(RequestedStudy.state == "wanted", ImageRequest.state.in_((*ASKED, State.ANSWERED)))


def _open() -> tuple[ColumnElement[bool], ...]:
    return Candidate.answered_at.is_(None), Candidate.dismissed_at.is_(None), still_wanted()
