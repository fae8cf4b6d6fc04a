"""What people of the Institutions typed may name the patient: support reads it only after giving a reason."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import update

from models.db import Database
from models.domain.lifecycles.request import State
from models.tables import Arrival, Delivery, ImageRequest, Transaction, TransitionRow
from tests.database import Registry
from tests.web.portal import make, send, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_request

TYPED = "It is Agnes Example, born on the third."


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def seeded(database: Database, registry: Registry, what: str, state: str) -> str:
    """The reference of a transaction in whose state a person has typed something."""
    with database.begin() as session:
        if what == "request":
            one = add_request(session, registry, State(state)).transaction
        else:
            seed = Seed(session, registry)
            one = seed.delivery(state) if what == "delivery" else seed.arrival(state)
        table = {"request": ImageRequest, "delivery": Delivery, "arrival": Arrival}[what]
        session.execute(update(table).values(state_detail=TYPED))
        own = TransitionRow.transaction_id == one.id, TransitionRow.actor != "exchange"
        session.execute(update(TransitionRow).where(*own).values(detail=TYPED))
        return session.get_one(Transaction, one.id).reference


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ("request", "awaiting-requester"),
        ("request", "declined"),
        ("request", "withdrawn"),
        ("delivery", "refused"),
        ("delivery", "abandoned"),
        ("arrival", "refused"),
    ],
)
def test_support_reads_no_typed_word_before_it_gave_a_reason(
    app: Flask, database: Database, registry: Registry, what: str, state: str
) -> None:
    reference = seeded(database, registry, what, state)
    support = sign_in(app, "support.zx3")
    pages = ("/", "/transactions", f"/transactions/{reference}", "/support", f"/support/{reference}")
    for page in (*pages, f"/transactions/{reference}/live"):
        assert "Agnes" not in support.get(page).text, page
    assert TYPED in sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text, "the Institutions read it"
    here = f"/support/{reference}"
    send(support, here, f"{here}/disclose", reason="They rang about it.")
    assert TYPED in support.get(here).text
