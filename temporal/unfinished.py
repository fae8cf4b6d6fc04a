"""How every row that is not finished would go on: what the relay drives when the engine has forgotten it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import select

from models import bulk
from models.db import Database
from models.domain.commitment_contracts import CommitmentStart
from models.domain.contracts import ArrivalStart, DeliveryStart, NodeStart
from models.domain.lifecycles import ARRIVAL, COMMITMENT, DELIVERY, REQUEST, TRANSFER
from models.domain.request_contracts import RequestStart
from models.domain.transfer_contracts import SheetStart, TransferStart
from models.domain.urgency import Urgency
from models.tables import Arrival, CommitmentRequest, Delivery, ImageRequest, Node, Transaction, Transfer, now
from temporal.starts import Start

FRESH = timedelta(seconds=30)
"""Rows younger than this may just be on their way to the engine."""


def unfinished(database: Database, only: Collection[str] = (), fresh: timedelta = FRESH) -> dict[str, Start]:
    """By workflow id, how every row that is not finished would go on; or the rows of the workflows `only`."""
    settled = now() - fresh
    arrivals = select(Arrival.id, Arrival.state).where(
        Arrival.state.in_(ARRIVAL.unfinished),
        Arrival.announced_generation > 0,
        Arrival.announced_at < settled,
    )
    deliveries = (
        select(Delivery.id, Delivery.state, Transaction.urgency)
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .where(Delivery.state.in_(DELIVERY.unfinished), Delivery.created_at < settled)
    )
    nodes = select(Node.id, Node.state, Node.planned_from, Node.planned_until).where(Node.host != "")
    commitments = select(CommitmentRequest.id).where(
        CommitmentRequest.state == COMMITMENT.initial, CommitmentRequest.taken_at < settled
    )
    requests = select(ImageRequest.id, ImageRequest.state).where(
        ImageRequest.state.in_(REQUEST.unfinished), ImageRequest.placed_at < settled
    )
    transfers = (
        select(Transfer.id, Transaction.urgency, Transfer.state)
        .join(Transaction, Transaction.id == Transfer.transaction_id)
        .where(Transfer.state.in_(TRANSFER.unfinished), Transfer.placed_at < settled)
    )
    row_ids = [workflow_id.partition("-")[2] for workflow_id in only]
    if row_ids:
        arrivals = arrivals.where(Arrival.id.in_(row_ids))
        deliveries = deliveries.where(Delivery.id.in_(row_ids))
        nodes = nodes.where(Node.id.in_(row_ids))
        requests = requests.where(ImageRequest.id.in_(row_ids))
        transfers = transfers.where(Transfer.id.in_(row_ids))
        commitments = commitments.where(CommitmentRequest.id.in_(row_ids))
    with database.begin() as session:
        sheets = bulk.unfinished(session, settled, row_ids)
        return {
            **{f"arrival-{row[0]}": ArrivalStart(*row) for row in session.execute(arrivals)},
            **{
                f"delivery-{row_id}": DeliveryStart(row_id, Urgency(urgency), state)
                for row_id, state, urgency in session.execute(deliveries)
            },
            **{f"node-{row[0]}": NodeStart(*row) for row in session.execute(nodes)},
            **{f"request-{row[0]}": RequestStart(*row) for row in session.execute(requests)},
            **{
                f"transfer-{row_id}": TransferStart(row_id, Urgency(urgency), state)
                for row_id, urgency, state in session.execute(transfers)
            },
            **{f"commitment-{row_id}": CommitmentStart(row_id) for row_id in session.scalars(commitments)},
            **{f"sheet-{row_id}": SheetStart(row_id) for row_id in sheets},
        }
