"""How Transactions stand: the counts and names behind their one sentence, read for a whole list at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, contains_eager, joinedload, selectinload

from models.domain.held_words import held_because
from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.arrival import State as ArrivalState
from models.domain.lifecycles.delivery import State
from models.domain.lifecycles.request import State as RequestState
from models.domain.parts import Part
from models.domain.sentences import TYPED, Facts, asked, sentence
from models.queries.bound_for import bound_for
from models.queries.candidates import how_many_fit
from models.queries.clock import clock_words
from models.queries.downtime import downtime_words
from models.queries.header import FirstHeader, first_headers
from models.queries.people import names
from models.queries.transfer import Sent, transfers_of
from models.queries.under_way import UnderWay, under_way
from models.tables import Arrival, ArrivalInstance, Delivery, ImageRequest, LedgerEntry, Parcel, Transaction, now

CONFIRMED = (State.CONFIRMED, State.CONFIRMED_IN_PART)


@dataclass(frozen=True)
class Standing:
    """The request, the transfer, or the arrival, its first image and the latest delivery, of one Transaction.

    A copy or a forward has no arrival of its own: it is that of the parcel. `accepted` of `total` are images at the
    Node; of a request, what was answered of the studies and reports asked for, which `asked` says in words.
    """

    transaction: Transaction
    request: ImageRequest | None
    sent: Sent | None
    arrival: Arrival | None
    header: FirstHeader
    delivery: Delivery | None
    accepted: int
    total: int
    under_way: UnderWay
    sentence: str
    destination_id: str
    asked: str = ""

    @property
    def present(self) -> int:
        """How many images are at the destination, as far as is known; of a request, how much is answered."""
        return _present(self.transaction, self.delivery, self.accepted)


@dataclass(frozen=True)
class Counted:
    """A delivery, how many of its images its Node accepted, of how many, and how many a person has left out."""

    delivery: Delivery
    accepted: int
    total: int
    left_out: int


def standings(
    session: Session,
    transactions: Collection[Transaction],
    zone: str = "",
    *,
    in_detail: bool = True,
    typed: bool = True,
) -> list[Standing]:
    """One for each of `transactions`, in their order; six selects, with transfers three more, however many they are.

    Sentences name times as clocks show them in the time zone `zone`; without one they leave them out. Nor do they,
    unless `typed`, repeat what a person typed, or, unless `in_detail`, what a Node said.
    """
    ids = [transaction.id for transaction in transactions]
    requests = _requests(session, [one.id for one in transactions if one.kind == "request"])
    transfers = transfers_of(session, [one.id for one in transactions if one.kind == "transfer"])
    coming = under_way(session, [request.id for request in requests.values()])
    deliveries = _deliveries(session, ids)
    arrivals = {one: of.delivery.parcel.arrival for one, of in deliveries.items()} | _arrivals(session, ids)
    called = _called(session, deliveries.values())
    headers = first_headers(session, {arrival.id for arrival in arrivals.values()})
    held = {arrivals[one.id].id for one in transactions if _is_held(one) and one.id in arrivals}
    fit, bound = how_many_fit(session, held), bound_for(session, transactions)
    return [
        _standing(
            one,
            bound.get(one.id, ""),
            requests.get(one.id),
            transfers.get(one.id),
            coming.get(requests[one.id].id, UnderWay()) if one.id in requests else UnderWay(),
            arrival,
            headers.get(arrival.id, FirstHeader()) if arrival else FirstHeader(),
            deliveries.get(one.id),
            called,
            zone,
            in_detail,
            typed,
            fit.get(arrival.id, 0) if arrival else 0,
        )
        for one in transactions
        for arrival in [arrivals.get(one.id)]
    ]


def _requests(session: Session, ids: Collection[str]) -> Mapping[str, ImageRequest]:
    if not ids:
        return {}
    # Not joined: with thousands of requests PostgreSQL would read all of their studies for the few of one page.
    query = select(ImageRequest).where(ImageRequest.transaction_id.in_(ids)).options(selectinload(ImageRequest.studies))
    return {request.transaction_id: request for request in session.scalars(query)}


def _arrivals(session: Session, ids: Collection[str]) -> dict[str, Arrival]:
    query = select(Arrival).where(Arrival.transaction_id.in_(ids)).options(joinedload(Arrival.study))
    return {arrival.transaction_id: arrival for arrival in session.scalars(query.order_by(Arrival.opened_at))}


def _deliveries(session: Session, ids: Collection[str]) -> Mapping[str, Counted]:
    """By Transaction: its latest delivery, how many images its Node accepted, and of how many."""
    rows = session.execute(
        select(Delivery, _answered(LedgerEntry.accepted), _total(), _answered(LedgerEntry.left_out))
        .join(Delivery.parcel)
        .where(Delivery.transaction_id.in_(ids))
        .options(
            contains_eager(Delivery.parcel).joinedload(Parcel.arrival).joinedload(Arrival.study),
            joinedload(Delivery.node),
            joinedload(Delivery.worklist),
        )
        .order_by(Delivery.created_at)
    )
    return {delivery.transaction_id: Counted(delivery, *counts) for delivery, *counts in rows}


def _called(session: Session, deliveries: Iterable[Counted]) -> Mapping[str, str]:
    """The people who have left something out, by account; one select where there are any."""
    actors = {of.delivery.left_out_by for of in deliveries if of.left_out}
    return names(session, actors) if actors else {}


def _answered(how: InstrumentedAttribute[bool]) -> ScalarSelect[Any]:
    return (
        select(func.count())
        .where(LedgerEntry.delivery_id == Delivery.id, LedgerEntry.node_id == Delivery.node_id, how)
        .correlate(Delivery)
        .scalar_subquery()
    )


def _total() -> ScalarSelect[Any]:
    return (
        select(func.count()).where(ArrivalInstance.arrival_id == Parcel.arrival_id).correlate(Parcel).scalar_subquery()
    )


def _standing(
    transaction: Transaction,
    destination: str,
    request: ImageRequest | None,
    sent: Sent | None,
    coming: UnderWay,
    arrival: Arrival | None,
    header: FirstHeader,
    counted: Counted | None,
    called: Mapping[str, str],
    zone: str,
    in_detail: bool,
    typed: bool,
    fit: int,
) -> Standing:
    delivery, accepted, total = (counted.delivery, counted.accepted, counted.total) if counted else (None, 0, 0)
    coming = sent.under_way if sent else coming
    subject = {
        "request": request,
        "transfer": sent.transfer if sent else None,
        "arrival": arrival,
        "delivery": delivery,
    }[transaction.lifecycle]
    state = LIFECYCLES[transaction.lifecycle].states[0].__class__(transaction.state)
    tells = in_detail and (typed or (transaction.lifecycle, state) not in TYPED)
    detail = subject.state_detail if subject and tells else ""
    down_for, down_until = downtime_words(delivery.node if delivery else None, zone)
    facts = Facts(
        source=transaction.institution_id,
        destination=destination,
        node=delivery.node.name if delivery else "",
        present=_present(transaction, delivery, accepted),
        total=arrival.count if arrival is not None and transaction.lifecycle == "arrival" else total,
        left_out=counted.left_out if counted else 0,
        left_out_by=_by(counted, called, zone, because=in_detail and typed) if counted else "",
        detail=held_because(detail, fit) if _is_held(transaction) else detail,
        fault=delivery.fault if delivery and in_detail else "",
        node_is_away=delivery is not None and delivery.waiting_since is not None,
        down_for=down_for,
        down_until=down_until,
        since=clock_words(transaction.state_since, zone, now()) if zone else "",
        then=_reminder(request, zone),
        on_worklist=coming.on_worklist,
        stopped=coming.stopped,
        lost=coming.lost,
        possible=coming.possible,
        in_part=coming.in_part,
        held=coming.held,
    )
    if request is not None:
        facts = _of_request(facts, request)
        accepted, total = facts.present + facts.reports_present, facts.total + facts.reports
        if state == RequestState.PARTLY_ANSWERED and accepted == total:
            # The step that says so follows by itself; meanwhile nobody owes anything.
            state = RequestState.ANSWERED
    if sent is not None:
        facts = _of_transfer(facts, sent, in_detail)
        accepted, total = facts.present, facts.total
    return Standing(
        transaction,
        request,
        sent,
        arrival,
        header,
        delivery,
        accepted,
        total,
        coming,
        sentence=sentence(transaction.lifecycle, state, facts),
        destination_id=destination,
        asked=asked(facts) if request is not None else "",
    )


def _of_transfer(facts: Facts, sent: Sent, in_detail: bool) -> Facts:
    return replace(
        facts,
        node=sent.transfer.node.name,
        present=sent.here,
        total=sent.total,
        studies=len(sent.studies),
        fault=sent.transfer.fault if in_detail else "",
    )


def _of_request(facts: Facts, request: ImageRequest) -> Facts:
    # What was declined is no longer owed; of a request that was declined as a whole, all of it was asked.
    owed = [study for study in request.studies if study.state != "declined"] or request.studies
    reports = [study for study in owed if study.wants == Part.REPORT]
    studies = [study for study in owed if study.wants == Part.IMAGES]
    return replace(
        facts,
        present=sum(study.state == "answered" for study in studies),
        total=len(studies),
        reports_present=sum(study.state == "answered" for study in reports),
        reports=len(reports),
        paired={study.item for study in studies} == {study.item for study in reports},
    )


def _is_held(transaction: Transaction) -> bool:
    return (transaction.lifecycle, transaction.state) == ("arrival", ArrivalState.HELD)


def _reminder(request: ImageRequest | None, zone: str) -> str:
    at = now()
    if request is None or request.next_reminder_at is None or request.next_reminder_at <= at or not zone:
        return ""
    return clock_words(request.next_reminder_at, zone, at)


def _by(counted: Counted, called: Mapping[str, str], zone: str, *, because: bool) -> str:
    """Like "by P Officer (ZX2) at 14:05: not in my hands", to go on after "was left out"."""
    delivery = counted.delivery
    if not counted.left_out or delivery.left_out_at is None:
        return ""
    at = f" at {clock_words(delivery.left_out_at, zone, now())}" if zone else ""
    why = delivery.left_out_because.strip().rstrip(".") if because else ""
    return f"by {called[delivery.left_out_by]}{at}{f': {why}' if why else ''}"


def _present(transaction: Transaction, delivery: Delivery | None, accepted: int) -> int:
    if delivery is not None and delivery.present is not None and transaction.state in CONFIRMED:
        return delivery.present
    return accepted
