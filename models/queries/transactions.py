"""Lists of Transactions: all that an Institution sees, page by page, and those that wait for this person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, or_, select, tuple_, union_all
from sqlalchemy.orm import Session

from models.domain.decisions import Side
from models.domain.identity import PatientFacts
from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.arrival import State as ArrivalState
from models.domain.lifecycles.delivery import State as DeliveryState
from models.domain.lifecycles.request import State as RequestState
from models.domain.lifecycles.transfer import State as TransferState
from models.domain.permissions import Function
from models.domain.urgency import Urgency
from models.most_urgent import IS_URGENT, MOST_URGENT_FIRST
from models.queries.decided import is_decided
from models.queries.header import FirstHeader
from models.queries.request import patient_of
from models.queries.requested import description_of
from models.queries.standing import Standing, standings
from models.queries.transfer import Sent, patients_for
from models.queries.viewer import Viewer, sides, visible
from models.tables import Transaction

PAGE = 25


@dataclass(frozen=True)
class Listed:
    """One Transaction in a list. `patient` and `description` are empty for whoever may not see patients.

    `present` of `count` are images; of a request studies and reports, which `asked` says in words. A transfer may be of
    `other_patients` as well.
    """

    reference: str
    source_id: str
    destination_id: str
    urgency: Urgency
    lifecycle: str
    state: str
    since: datetime
    opened_at: datetime
    sentence: str
    present: int
    count: int
    modalities: tuple[str, ...]
    description: str
    study_date: str
    patient: PatientFacts | None
    other_patients: int = 0
    asked: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has still to come to its end."""
        return self.state not in LIFECYCLES[self.lifecycle].terminal


@dataclass(frozen=True)
class Cursor:
    """Where the next page goes on: after this Transaction, by time of opening."""

    opened_at: datetime
    id: str


@dataclass(frozen=True)
class Page:
    rows: tuple[Listed, ...]
    next: Cursor | None


@dataclass(frozen=True)
class Sought:
    """Which Transactions a list shows; None and False mean all.

    `state` counts with its `lifecycle` only; `side` is how the viewer's Institution stands to them.
    """

    lifecycle: str | None = None
    state: str | None = None
    needs_viewer: bool = False
    side: Side | None = None


def page(session: Session, viewer: Viewer, sought: Sought, after: Cursor | None = None, size: int = PAGE) -> Page:
    """The newest Transactions first. Pages follow a key, so that what arrives meanwhile shifts no page."""
    newest = Transaction.opened_at.desc(), Transaction.id.desc()
    query = _sought(viewer, sought).order_by(*newest).limit(size + 1)
    if after is not None:
        query = query.where(tuple_(Transaction.opened_at, Transaction.id) < (after.opened_at, after.id))
    # With 200,000 rows PostgreSQL answers "source or destination" from no index; each of the two from its own.
    ids = union_all(*(query.with_only_columns(Transaction.id).where(side) for side in _sides(viewer, sought)))
    found = session.scalars(select(Transaction).where(Transaction.id.in_(ids)).order_by(*newest).limit(size + 1)).all()
    shown = found[:size]
    more = Cursor(shown[-1].opened_at, shown[-1].id) if len(found) > size else None
    return Page(
        tuple(_listed(viewer, one) for one in standings(session, shown, viewer.time_zone, typed=viewer.sees_patients)),
        more,
    )


def waiting_for(session: Session, viewer: Viewer, limit: int = 50) -> tuple[Listed, ...]:
    """What waits for a decision of this person: the most urgent first, then the oldest."""
    return listed_where(session, viewer, needs(viewer), limit)


def listed_where(session: Session, viewer: Viewer, which: ColumnElement[bool], limit: int) -> tuple[Listed, ...]:
    """Those of `which` that the viewer may see: the most urgent first, then the oldest."""
    query = select(Transaction).where(which, visible(viewer))
    found = session.scalars(query.order_by(MOST_URGENT_FIRST, Transaction.state_since).limit(limit)).all()
    return tuple(
        _listed(viewer, one) for one in standings(session, found, viewer.time_zone, typed=viewer.sees_patients)
    )


def how_many_wait(session: Session, viewer: Viewer, lifecycle: str = "") -> tuple[int, int]:
    """How many Transactions, or those of one lifecycle, wait for this person, and how many of them are urgent."""
    query = select(func.count(), func.count().filter(IS_URGENT)).where(visible(viewer), needs(viewer))
    counts = session.execute(query.where(Transaction.lifecycle == lifecycle) if lifecycle else query).one()
    return counts[0], counts[1]


def last_arrival(session: Session, viewer: Viewer) -> datetime | None:
    """When the latest Transaction that this Institution sees was opened."""
    latest = (session.scalar(select(func.max(Transaction.opened_at)).where(side)) for side in sides(viewer))
    return max(filter(None, latest), default=None)


def reference_exists(session: Session, viewer: Viewer, reference: str) -> bool:
    return session.scalar(select(Transaction.id).where(visible(viewer), Transaction.reference == reference)) is not None


def needs(viewer: Viewer) -> ColumnElement[bool]:
    """Transactions whose next step is a decision that this person may take, and that nobody has taken."""
    mine: list[ColumnElement[bool]] = []
    source = Transaction.institution_id == viewer.institution_id
    destination = Transaction.destination_id == viewer.institution_id
    if viewer.may(Function.ANSWER_REQUEST):
        # Also what was accepted: until the study is pushed the move is the source's.
        owed = (RequestState.AWAITING_SOURCE, RequestState.AWAITING_STUDY, RequestState.PARTLY_ANSWERED)
        mine += [and_(source, _stands("request", state)) for state in owed]
    if viewer.may(Function.PLACE_REQUEST):
        mine.append(and_(destination, _stands("request", RequestState.AWAITING_REQUESTER)))
    if viewer.may(Function.ASSIGN_HELD):
        mine.append(and_(source, _stands("arrival", ArrivalState.HELD)))
    if viewer.may(Function.RELEASE):
        mine.append(and_(destination, _stands("delivery", DeliveryState.ON_WORKLIST)))
        mine.append(and_(destination, _stands("delivery", DeliveryState.DIFFERS_AT_DESTINATION)))
    if viewer.may(Function.RETRY) or viewer.may(Function.USE_SUPPORT_DESK):
        mine.append(_stands("delivery", DeliveryState.NEEDS_ATTENTION))
    if viewer.may(Function.RETRY):
        mine.append(and_(source, _stands("transfer", TransferState.NEEDS_ATTENTION)))
    return and_(or_(*mine), ~is_decided(Transaction.id)) if mine else false()


def _stands(lifecycle: str, state: str) -> ColumnElement[bool]:
    return and_(Transaction.lifecycle == lifecycle, Transaction.state == state)


def _sides(viewer: Viewer, sought: Sought) -> tuple[ColumnElement[bool], ...]:
    """Conditions that exclude each other, as `sides` of the viewer."""
    if sought.side is None:
        return sides(viewer)
    column = Transaction.institution_id if sought.side is Side.SOURCE else Transaction.destination_id
    return (column == viewer.institution_id,)


def _sought(viewer: Viewer, sought: Sought) -> Select[Transaction]:
    """Of all Institutions: the caller says which of them the viewer may see."""
    query = select(Transaction)
    if sought.lifecycle:
        # Written out, not as a parameter: the index of requests alone is used only where the plan can see the word.
        query = query.where(Transaction.lifecycle == literal(sought.lifecycle, literal_execute=True))
    if sought.lifecycle and sought.state:
        query = query.where(Transaction.state == sought.state)
    if sought.needs_viewer:
        query = query.where(needs(viewer))
    return query


def _listed(viewer: Viewer, standing: Standing) -> Listed:
    one, request = standing.transaction, standing.request if viewer.sees_patients else None
    header = standing.header if viewer.sees_patients else FirstHeader()
    sent = standing.sent if viewer.sees_patients else None
    patients = patients_for(viewer, sent) if sent else (patient_of(request),) if request else (header.patient,)
    return Listed(
        reference=one.reference,
        source_id=one.institution_id,
        destination_id=standing.destination_id,
        urgency=Urgency(one.urgency),
        lifecycle=one.lifecycle,
        state=one.state,
        since=one.state_since,
        opened_at=one.opened_at,
        sentence=standing.sentence,
        present=standing.present,
        count=standing.total or (standing.arrival.count if standing.arrival else 0),
        modalities=_modalities(standing),
        description=_of_sent(sent) if sent else description_of(request) if request else header.StudyDescription,
        study_date=sent.studies[0].study_date if sent and len(sent.studies) == 1 else header.StudyDate,
        patient=patients[0] if patients else None,
        other_patients=max(0, len(patients) - 1),
        asked=standing.asked,
    )


def _modalities(standing: Standing) -> tuple[str, ...]:
    if standing.sent:
        return tuple(sorted({study.Modality for study in standing.sent.studies if study.Modality}))
    return tuple(standing.arrival.study.ModalitiesInStudy) if standing.arrival else ()


def _of_sent(sent: Sent) -> str:
    """Like "CT head and 2 more"."""
    first, *others = (study.description for study in sent.studies)
    return f"{first or 'one study'} and {len(others)} more" if others else first
