"""Where what is on its way goes, as far as is known: also of images that a transfer fetches, before they are routed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.lifecycles.arrival import State
from models.domain.lifecycles.transfer import State as TransferState
from models.tables import Transaction

COMING = (State.RECEIVING, State.FORWARDING, State.SETTLED)
"""What is held or refused goes nowhere, unless a person says so."""


def bound_for(session: Session, transactions: Collection[Transaction]) -> Mapping[str, str]:
    """By Transaction: its destination, where there is one; one select where some are fetched at this moment."""
    coming = {one.follows_id for one in transactions if one.follows_id and not one.destination_id and _comes(one)}
    known = {one.id: one.destination_id for one in transactions if one.destination_id}
    if not coming:
        return known
    rows = session.execute(
        select(Transaction.id, Transaction.destination_id).where(
            Transaction.id.in_(coming), Transaction.kind == "transfer", Transaction.state != TransferState.WITHDRAWN
        )
    )
    fetched = {transfer_id: destination for transfer_id, destination in rows if destination}
    follow = {one.id: fetched[one.follows_id] for one in transactions if _comes(one) and one.follows_id in fetched}
    return follow | known


def _comes(one: Transaction) -> bool:
    return one.lifecycle == "arrival" and one.state in COMING
