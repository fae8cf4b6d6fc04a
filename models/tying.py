"""Which arrival brings the study of a transfer: it is tied to it, goes where the transfer says, and may give way."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from models.domain.lifecycles.transfer import OPEN, State
from models.domain.routing import AE_TITLE, HeldReason, Routed
from models.domain.urgency import Urgency
from models.followed import followed
from models.manifests import look_again
from models.most_urgent import earliest
from models.named_route import named_route
from models.tables import Arrival, ArrivalInstance, Study, Transfer, TransferStudy

BRINGING = (*OPEN, State.DELIVERING, State.FULFILLED)
"""States in which an arrival that was tied to a transfer goes where the transfer says."""


def brought_for(session: Session, arrival: Arrival) -> TransferStudy | None:
    """The study of a transfer that the arrival brings, if it brings one; it is tied to it by UID.

    An arrival that was addressed to an Institution by its called AE title is a push of its own. What was moved at our
    request is what the transfer waits for, whatever it names and whoever stores it. Many a PACS does not say so: then
    what the transfer's own Node sends counts. Another Node's arrival counts, too, for many a PACS stores under another
    AE title than the one that is asked, but only while it does not contradict the transfer: a push with a code goes
    where the code says. Each gives way to the one named before it.
    """
    tied = select(TransferStudy).join(Transfer).where(TransferStudy.arrival_id == arrival.id)
    found = session.scalars(tied.where(Transfer.state.in_(BRINGING))).first()
    if arrival.sealed_at is not None or arrival.called_ae_title != AE_TITLE:
        return found
    fetched = is_fetched(session, arrival)
    if found is not None:
        if fetched or found.state == "retrieved" or not contradicts(session, arrival, found.transfer):
            return found
        _untie(session, found, arrival)
    waiting = _waiting_for(session, arrival, fetched=fetched)
    for study in waiting:
        if not fetched and contradicts(session, arrival, study.transfer):
            continue
        if study.arrival_id is not None:
            if not look_again(session, study):
                # Sealed meanwhile: that one has brought it.
                continue
            _untie(session, study, session.get_one(Arrival, study.arrival_id))
        _tie(session, study, arrival)
        return study
    return None


def is_fetched(session: Session, arrival: Arrival) -> bool:
    """Whether any of it was moved at our request, as its sender says."""
    return bool(
        session.scalar(select(exists().where(ArrivalInstance.arrival_id == arrival.id, ArrivalInstance.fetched)))
    )


def contradicts(session: Session, arrival: Arrival, transfer: Transfer) -> bool:
    """Whether another Node than the transfer's pushed images that name another destination."""
    if arrival.node_id == transfer.node_id:
        return False
    said = named_route(session, arrival, ArrivalInstance.pushed.is_(True))
    if isinstance(said, Routed):
        return said.destination != transfer.worklist.institution_id
    return said.reason is not HeldReason.NO_ROUTE


def _waiting_for(session: Session, arrival: Arrival, *, fetched: bool) -> Sequence[TransferStudy]:
    """Those that nothing brings, or what has to give way; of the arrival's own Node first."""
    is_own: ColumnElement[bool] = Transfer.node_id == arrival.node_id
    to_be_taken = _by_a_push(arrival) if fetched else is_own & _by_a_push(arrival, _of_another_node(arrival))
    return session.scalars(
        select(TransferStudy)
        .join(Transfer)
        .where(
            TransferStudy.institution_id == arrival.institution_id,
            TransferStudy.StudyInstanceUID == arrival.study.StudyInstanceUID,
            TransferStudy.listed_at.is_not(None),
            Transfer.state.in_(OPEN),
            TransferStudy.arrival_id.is_(None) | to_be_taken,
        )
        .order_by(is_own.desc(), Transfer.placed_at)
        .with_for_update(of=TransferStudy)
        .execution_options(populate_existing=True)
    ).all()


def _of_another_node(arrival: Arrival) -> ColumnElement[bool]:
    # One whose AE title is not registered has none.
    return Arrival.node_id.is_distinct_from(arrival.node_id)


def _by_a_push(arrival: Arrival, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Another arrival is bringing it of which nothing is known to have been asked for, and not all of it has come."""
    others = select(Arrival.id).where(
        Arrival.study_id == arrival.study_id,
        Arrival.id != arrival.id,
        Arrival.sealed_at.is_(None),
        ~exists().where(ArrivalInstance.arrival_id == Arrival.id, ArrivalInstance.fetched),
        *conditions,
    )
    return TransferStudy.arrival_id.in_(others) & (TransferStudy.state != "retrieved")


def tie_open_arrival(session: Session, study: TransferStudy) -> None:
    """Tie the study to what is coming for it now, should that not have been done."""
    if study.arrival is not None and is_fetched(session, study.arrival):
        return
    coming = session.scalars(
        select(Arrival)
        .join(Study, Study.id == Arrival.study_id)
        .where(
            Study.institution_id == study.institution_id,
            Study.StudyInstanceUID == study.StudyInstanceUID,
            Arrival.sealed_at.is_(None),
            Arrival.id.is_distinct_from(study.arrival_id),
        )
        .with_for_update(of=Arrival)
    )
    for arrival in coming:
        brought_for(session, arrival)


def _tie(session: Session, study: TransferStudy, arrival: Arrival) -> None:
    study.arrival_id = arrival.id
    transfer = session.get_one(Transfer, study.transfer_id)
    sent = transfer.transaction
    arrival.transaction.follows_id = sent.id
    arrival.transaction.due_at = earliest(arrival.transaction.due_at, sent.due_at)
    own = Urgency(arrival.transaction.urgency)
    # An arrival is routine until somebody says otherwise; bulk stays behind the routine all the way.
    if own is Urgency.ROUTINE or Urgency(sent.urgency).priority < own.priority:
        arrival.transaction.urgency = sent.urgency
    session.flush()


def _untie(session: Session, study: TransferStudy, arrival: Arrival) -> None:
    """It is a push of its own again, as if it had never been tied."""
    study.arrival_id = None
    push = arrival.transaction
    push.urgency, push.due_at = Urgency.ROUTINE, None
    push.follows_id = followed(
        session,
        arrival.institution_id,
        arrival.study_id,
        arrival.calling_ae_title,
        arrival.called_ae_title,
        before=arrival.opened_at,
    )
    session.flush()


def stragglers(session: Session, instance_ids: Collection[str]) -> dict[tuple[str, str | None], bool]:
    """Which of these images a sealed arrival has brought for a transfer that is still under way, and from which Node.

    With each whether its sender said that it was moved at our request: one that says so does it each time. A PACS that
    was asked twice, as after a worker's death, sends them twice; another Node that sends them pushes. Where another
    transfer waits for the same study they are not in vain.
    """
    if not instance_ids:
        return {}
    waiting, other = aliased(TransferStudy), aliased(Transfer)
    is_waited_for = exists().where(
        waiting.institution_id == TransferStudy.institution_id,
        waiting.StudyInstanceUID == TransferStudy.StudyInstanceUID,
        waiting.arrival_id.is_(None),
        other.id == waiting.transfer_id,
        other.state.in_(OPEN),
    )
    rows = session.execute(
        select(ArrivalInstance.instance_id, Arrival.node_id, ArrivalInstance.fetched)
        .join(Arrival, Arrival.id == ArrivalInstance.arrival_id)
        .join(TransferStudy, TransferStudy.arrival_id == Arrival.id)
        .join(Transfer, Transfer.id == TransferStudy.transfer_id)
        .where(
            ArrivalInstance.instance_id.in_(instance_ids),
            Arrival.sealed_at.is_not(None),
            Transfer.state.in_((*OPEN, State.DELIVERING)),
            ~is_waited_for,
        )
    )
    return {(row.instance_id, row.node_id): row.fetched for row in rows}
