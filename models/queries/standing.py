"""How Transactions stand: the counts and names behind their one sentence, read for a whole list at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.delivery import State
from models.domain.sentences import Facts, sentence
from models.queries.header import FirstHeader, first_headers
from models.tables import Arrival, ArrivalInstance, Delivery, LedgerEntry, Parcel, Transaction


@dataclass(frozen=True)
class Standing:
    """The arrival, what its first image says, the latest delivery of one Transaction, and its sentence."""

    transaction: Transaction
    arrival: Arrival | None
    header: FirstHeader
    delivery: Delivery | None
    accepted: int
    total: int
    sentence: str

    @property
    def present(self) -> int:
        """How many images are at the destination, as far as is known."""
        return _present(self.transaction, self.delivery, self.accepted)


def standings(session: Session, transactions: Collection[Transaction]) -> list[Standing]:
    """One for each of `transactions`, in their order; four selects however many they are."""
    ids = [transaction.id for transaction in transactions]
    arrivals = {
        arrival.transaction_id: arrival
        for arrival in session.scalars(
            select(Arrival)
            .where(Arrival.transaction_id.in_(ids))
            .options(joinedload(Arrival.study))
            .order_by(Arrival.opened_at)
        )
    }
    headers = first_headers(session, [arrival.id for arrival in arrivals.values()])
    deliveries: dict[str, tuple[Delivery, int, int]] = {}
    rows = session.execute(
        select(Delivery, _accepted(), _total())
        .join(Delivery.parcel)
        .where(Delivery.transaction_id.in_(ids))
        .options(contains_eager(Delivery.parcel), joinedload(Delivery.node), joinedload(Delivery.worklist))
        .order_by(Delivery.created_at)
    )
    for delivery, accepted, total in rows:
        deliveries[delivery.transaction_id] = (delivery, accepted or 0, total or 0)
    return [
        _standing(one, arrival, headers[arrival.id] if arrival and arrival.id in headers else FirstHeader(), *delivery)
        for one in transactions
        for arrival, delivery in [(arrivals.get(one.id), deliveries.get(one.id, (None, 0, 0)))]
    ]


def _accepted() -> ScalarSelect[Any]:
    return (
        select(func.count())
        .where(LedgerEntry.delivery_id == Delivery.id, LedgerEntry.node_id == Delivery.node_id, LedgerEntry.accepted)
        .correlate(Delivery)
        .scalar_subquery()
    )


def _total() -> ScalarSelect[Any]:
    return (
        select(func.count()).where(ArrivalInstance.arrival_id == Parcel.arrival_id).correlate(Parcel).scalar_subquery()
    )


def _standing(
    transaction: Transaction,
    arrival: Arrival | None,
    header: FirstHeader,
    delivery: Delivery | None,
    accepted: int,
    total: int,
) -> Standing:
    of_arrival = transaction.lifecycle == "arrival"
    detail = (arrival and arrival.state_detail) if of_arrival else (delivery and delivery.state_detail)
    facts = Facts(
        source=transaction.institution_id,
        destination=transaction.destination_id or "",
        node=delivery.node.name if delivery else "",
        present=_present(transaction, delivery, accepted),
        total=(arrival.count if arrival else 0) if of_arrival else total,
        detail=detail or "",
        fault=delivery.fault if delivery else "",
    )
    state = LIFECYCLES[transaction.lifecycle].states[0].__class__(transaction.state)
    said = sentence(transaction.lifecycle, state, facts)
    return Standing(transaction, arrival, header, delivery, accepted, total, said)


def _present(transaction: Transaction, delivery: Delivery | None, accepted: int) -> int:
    if delivery is not None and delivery.present is not None and transaction.state == State.CONFIRMED:
        return delivery.present
    return accepted
