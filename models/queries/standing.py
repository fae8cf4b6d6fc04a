"""How Transactions stand: what is behind their one sentence, read for a whole list at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, contains_eager, joinedload, selectinload

from models.domain.decision_words import saved
from models.domain.held_words import apart
from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.request import State as RequestState
from models.domain.sentences import asked, sentence
from models.queries.bound_for import bound_for
from models.queries.candidates import how_many_fit
from models.queries.clock import clock_words
from models.queries.decided import Decided, waiting
from models.queries.facts import Counted, Known, Manner, facts_of, is_held, present, state_of
from models.queries.header import FirstHeader, first_headers
from models.queries.held_apart import held_apart
from models.queries.people import names
from models.queries.transfer import Sent, transfers_of
from models.queries.under_way import UnderWay, under_way
from models.tables import Arrival, ArrivalInstance, Delivery, ImageRequest, LedgerEntry, Parcel, Transaction, now
from models.two_patients import conflicts


@dataclass(frozen=True)
class Standing:
    """The request, the transfer, or the arrival, its first image and the latest delivery, of one Transaction.

    A copy or a forward has no arrival of its own: it is that of the parcel. `accepted` of `total` are images at the
    Node; of a request, what was answered of the studies and reports asked for, which `asked` says in words.

    `conflict` is why a held arrival cannot be assigned; `waits` the first decision that is still to be carried out.
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
    conflict: str = ""
    waits: Decided | None = None

    @property
    def needs_nobody(self) -> bool:
        """Whether all that it waits for is that the engine carries out what was decided."""
        is_open = state_of(self.transaction) not in LIFECYCLES[self.transaction.lifecycle].terminal
        return is_open and self.waits is not None and self.waits.leaves_nothing

    @property
    def parts(self) -> list[str]:
        """The ids of what can be decided about."""
        transfer = self.sent.transfer if self.sent else None
        return [part.id for part in (self.request, transfer, self.arrival, self.delivery) if part]

    @property
    def present(self) -> int:
        """How many images are at the destination, as far as is known; of a request, how much is answered."""
        return present(self.transaction, self.delivery, self.accepted)


def standings(
    session: Session,
    transactions: Collection[Transaction],
    zone: str = "",
    *,
    in_detail: bool = True,
    typed: bool = True,
) -> list[Standing]:
    """One for each of `transactions`, in their order; eight selects, with transfers four more, however many they are.

    A few more come for each that is held as two patients'. What their sentences tell is limited as Manner says; where
    a decision waits that leaves nothing to decide, the sentence is about that.
    """
    ids = [transaction.id for transaction in transactions]
    requests = _requests(session, [one.id for one in transactions if one.kind == "request"])
    transfers = transfers_of(session, [one.id for one in transactions if one.kind == "transfer"])
    coming = under_way(session, [request.id for request in requests.values()])
    deliveries = _deliveries(session, ids)
    arrivals = {one: of.delivery.parcel.arrival for one, of in deliveries.items()} | _arrivals(session, ids)
    manner = Manner(zone, in_detail, typed, _called(session, deliveries.values()))
    headers = first_headers(session, {arrival.id for arrival in arrivals.values()})
    held = {arrivals[one.id].id: arrivals[one.id] for one in transactions if is_held(one) and one.id in arrivals}
    fit, bound = how_many_fit(session, held), bound_for(session, transactions)
    conflict = conflicts(session, held.values())
    kept = held_apart(session, {arrival.id for arrival in arrivals.values()})
    found: list[Standing] = []
    for one in transactions:
        request, sent, arrival = requests.get(one.id), transfers.get(one.id), arrivals.get(one.id)
        known = Known(
            one,
            bound.get(one.id, ""),
            request,
            sent,
            sent.under_way if sent else coming.get(request.id, UnderWay()) if request else UnderWay(),
            arrival,
            deliveries.get(one.id),
            fit.get(arrival.id, 0) if arrival else 0,
            conflict.get(arrival.id, "") if arrival and is_held(one) else "",
            kept.get(arrival.id, 0) if arrival else 0,
        )
        found.append(_standing(known, headers.get(arrival.id, FirstHeader()) if arrival else FirstHeader(), manner))
    # A mail is about what has happened, and names nobody.
    return _with_decisions(session, found, zone) if in_detail else found


def _standing(known: Known, header: FirstHeader, manner: Manner) -> Standing:
    transaction, request, counted = known.transaction, known.request, known.counted
    state, facts = state_of(transaction), facts_of(known, manner)
    accepted, total = (counted.accepted, counted.total) if counted else (0, 0)
    if request is not None:
        accepted, total = facts.present + facts.reports_present, facts.total + facts.reports
        if state == RequestState.PARTLY_ANSWERED and accepted == total:
            # The step that says so follows by itself; meanwhile nobody owes anything.
            state = RequestState.ANSWERED
    elif known.sent is not None:
        accepted, total = facts.present, facts.total
    return Standing(
        transaction,
        request,
        known.sent,
        known.arrival,
        header,
        known.delivery,
        accepted,
        total,
        known.under_way,
        sentence=_with_apart(sentence(transaction.lifecycle, state, facts), known),
        destination_id=known.destination_id,
        asked=asked(facts) if request is not None else "",
        conflict=known.conflict,
    )


def _with_apart(words: str, known: Known) -> str:
    return f"{words} {apart(known.apart, known.arrival.institution_id)}" if known.arrival and known.apart else words


def _with_decisions(session: Session, found: list[Standing], zone: str) -> list[Standing]:
    first: dict[str, Decided] = {}
    for decision in waiting(session, [part for one in found for part in one.parts]):
        first.setdefault(decision.subject_id, decision)
    return [_decided(one, [first[part] for part in one.parts if part in first], zone) for one in found]


def _decided(one: Standing, decisions: list[Decided], zone: str) -> Standing:
    if not decisions:
        return one
    # What settles it is what its reader wants to know, whatever else was decided before.
    waits = min(decisions, key=lambda decision: (not decision.leaves_nothing, decision.at))
    one = replace(one, waits=waits)
    at = clock_words(waits.at, zone, now()) if zone else ""
    return replace(one, sentence=saved(waits.who, at, waits.words)) if one.needs_nobody else one


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
