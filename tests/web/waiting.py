"""Deliveries that wait at ZX2, and the form of its worklist as a browser sends it."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from models.db import Database
from models.domain.contracts import EXCHANGE
from models.tables import Delivery, OutboxCommand, Transaction, TransitionRow, new_id, now
from tests.database import Registry, add_neuro
from tests.web.portal import field_of
from tests.web.seeded import Seed


def waiting(database: Database, registry: Registry, count: int = 1, **more: Any) -> list[tuple[str, str]]:
    """(delivery's id, reference) of what waits at ZX2, the oldest first."""
    with database.begin() as session:
        seed = Seed(session, registry)
        references = [seed.delivery("on-worklist", **more).reference for _ in range(count)]
        rows = session.execute(
            select(Delivery.id, Transaction.reference)
            .join(Transaction, Transaction.id == Delivery.transaction_id)
            .where(Transaction.reference.in_(references))
            .order_by(Delivery.created_at)
        )
        return [(row[0], row[1]) for row in rows]


def commands(database: Database) -> list[OutboxCommand]:
    with database.begin() as session:
        return list(session.scalars(select(OutboxCommand).order_by(OutboxCommand.created_at)))


def change(database: Database, delivery_id: str, **columns: Any) -> None:
    with database.begin() as session:
        for name, value in columns.items():
            setattr(session.get_one(Delivery, delivery_id), name, value)


def decided(
    database: Database,
    registry: Registry,
    delivery_id: str,
    event: str,
    after: str,
    who: str,
    *,
    before: str = "on-worklist",
) -> None:
    """As the journal has written somebody's decision; the exchange's own without `who`."""
    with database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state = after
        session.get_one(Transaction, delivery.transaction_id).state = after
        session.add(
            TransitionRow(
                transaction_id=delivery.transaction_id,
                institution_id=delivery.institution_id,
                lifecycle="delivery",
                subject_id=delivery_id,
                run_id=new_id(),
                sequence=9,
                event=event,
                before=before,
                after=after,
                actor=registry.accounts[who] if who else EXCHANGE,
                detail="",
                at=now(),
            )
        )


def reassigned(database: Database, registry: Registry, delivery_id: str, who: str) -> str:
    """As the journal has written that it went to the worklist "Neuro" of another Node; that worklist's id."""
    with database.begin() as session:
        neuro, delivery = add_neuro(session, "ZX2"), session.get_one(Delivery, delivery_id)
        delivery.worklist_id, delivery.node_id = neuro.id, neuro.node_id
        worklist_id = neuro.id
    decided(database, registry, delivery_id, "reassigned", "on-worklist", who)
    return worklist_id


def form(client: FlaskClient, page: str = "/worklist") -> dict[str, Any]:
    """Every hidden field and what stands in the inputs, as a browser would send them with nothing ticked."""
    text = client.get(page).text
    found: dict[str, Any] = {"csrf_token": field_of(text, "csrf_token")}
    for name, value in re.findall(r'name="((?:command|seen|patient_id|accession)-[0-9a-f]+)" value="([^"]*)"', text):
        found[name] = value
    return found


def release(client: FlaskClient, *ticked: str, page: str = "/worklist", **typed: str) -> TestResponse:
    return client.post("/worklist/release", data=form(client, page) | typed | {"delivery": list(ticked)})
