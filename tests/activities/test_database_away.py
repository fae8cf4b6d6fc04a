"""A database that goes away amid sending: once it is back nothing answered is sent again, and no slot is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from temporalio.exceptions import ApplicationError

from models.db import Database
from tests.activities.misbehaving import Misbehaving, misbehaving, well
from tests.activities.parcels import TEN, Parcels, ten


class Unsteady(Database):
    """Fails as often as it is told."""

    failures = 0

    @contextmanager
    def begin(self) -> Iterator[Session]:
        if self.failures:
            self.failures -= 1
            raise OperationalError("BEGIN", None, ConnectionError("server closed the connection"))
        with super().begin() as session:
            yield session


@pytest.fixture
def unsteady(parcels: Parcels) -> Iterator[Unsteady]:
    made = Unsteady(parcels.database.engine.url.render_as_string(hide_password=False))
    steady, parcels.filling.database = parcels.filling.database, made
    yield made
    parcels.filling.database = steady
    made.engine.dispose()


def test_what_was_answered_is_written_and_every_slot_given_back(parcels: Parcels, unsteady: Unsteady) -> None:
    parcels.set_node(1, slots=2)
    delivery = parcels.release(*ten())

    def goes_away(peer: Misbehaving, event: Any, n: int) -> int:
        if n == 5:
            unsteady.failures = 8
        return well(peer, event, n)

    with misbehaving(goes_away) as peer:
        parcels.set_node(peer.port, slots=2)
        with pytest.raises(ApplicationError, match="OperationalError"):
            parcels.send(delivery)
        assert parcels.slots() == []
        stored = set(peer.received)
        assert {uid for uid, entry in parcels.ledger(delivery).items() if entry.accepted} == stored
        assert parcels.send(delivery).accepted == 10
        assert sorted(peer.received) == sorted(TEN)
