"""The first start of the demo fills every screen, by driving the running exchange; a later one adds nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import select

from models.tables import Transaction
from tests.end_to_end.exchange import Exchange, started
from tests.eventually import eventually

SHOWN = Counter(
    {
        ("push", "confirmed"): 2,
        ("push", "on-worklist"): 1,
        ("push", "differs-at-destination"): 1,
        ("push", "held"): 1,
        ("request", "awaiting-source"): 3,
        ("request", "awaiting-requester"): 1,
        ("request", "fulfilled"): 1,
    }
)


def test_a_newcomer_sees_each_screen_filled(request: pytest.FixtureRequest) -> None:
    with started(request) as demo:
        eventually(lambda: _states(demo) == SHOWN, timeout=90)
        eventually(lambda: demo.parts()["fixtures"]["state"] == "done")
        assert demo.iep("fixtures").returncode == 0
        assert _states(demo) == SHOWN


def _states(demo: Exchange) -> Counter[tuple[str, str]]:
    with demo.database.begin() as session:
        return Counter((kind, state) for kind, state in session.execute(select(Transaction.kind, Transaction.state)))
