"""The support desk for tests: a portal over an engine that says what the test wants."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from models.db import Database
from models.domain.errors import PeerUnreachable
from models.domain.trouble import Happening, Troubled
from models.tables import (
    Arrival,
    Delivery,
    Transaction,
)
from tests.database import Registry
from tests.web.portal import Gateway, field_of, make
from tests.web.seeded import Seed


class Recovery:
    """What the engine says, made up by the test."""

    def __init__(self) -> None:
        self.troubled: tuple[Troubled, ...] = ()
        self.told: dict[str, tuple[Happening, ...]] = {}
        self.is_away = False

    def lists(self) -> tuple[Troubled, ...]:
        if self.is_away:
            raise PeerUnreachable("The engine is not answering.")
        return self.troubled

    def story(self, workflow_id: str) -> tuple[Happening, ...]:
        if self.is_away:
            raise PeerUnreachable("The engine is not answering.")
        return self.told.get(workflow_id, ())


@pytest.fixture
def recovery() -> Recovery:
    return Recovery()


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, recovery: Recovery, gateway: Gateway) -> Flask:
    return make(database, gateway, recovery=recovery)


@pytest.fixture
def parked(database: Database, registry: Registry) -> str:
    """The reference of a parked delivery from ZX1 to ZX2."""
    with database.begin() as session:
        return Seed(session, registry).delivery("needs-attention").reference


def part_of(database: Database, reference: str, table: type[Arrival] | type[Delivery]) -> str:
    with database.begin() as session:
        return session.scalars(select(table.id).join(Transaction).where(Transaction.reference == reference)).one()


def count(database: Database, table: type[object]) -> int:
    with database.begin() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def look_for(client: FlaskClient, **entries: str) -> TestResponse:
    """Look for something. The form needs no token of a command: it asks and does nothing."""
    token = field_of(client.get("/support").text, "csrf_token")
    return client.post("/support/find", data={"csrf_token": token} | entries)


def send_plain(client: FlaskClient, path: str, **entries: str) -> None:
    token = field_of(client.get("/support").text, "csrf_token")
    answer = client.post(path, data={"csrf_token": token} | entries)
    assert answer.status_code == 303, answer.text
