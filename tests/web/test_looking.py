"""The form of a search of the own PACS: a strong key, a command, an audit entry, nothing lost."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from models.db import Database
from models.domain.errors import NotAllowed
from models.domain.pacs_search import Criteria
from models.searches import ask
from models.tables import AuditEntry, Node, OutboxCommand, new_id
from temporal.gateway import SAVED
from tests.database import Registry
from tests.web.portal import Gateway, make, sign_in
from tests.web.send_form import search, searches
from web.send.criteria import NO_KEY


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "officer.zx1")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, NO_KEY),
        ({"family_name": "Example", "date_from": "3 5 2026"}, NO_KEY),
        ({"birth_date": "3 2 1951"}, NO_KEY),
        ({"family_name": "Ex*", "birth_date": "3 2 1951"}, "Leave * and ? out"),
        ({"family_name": "E^x", "birth_date": "3 2 1951"}, "without ^, = and backslash"),
        ({"patient_id": "H12?"}, "may not contain a backslash, * or ?"),
        ({"accession": "A*"}, "may not contain a backslash, * or ?"),
        ({"StudyInstanceUID": "1.2.*"}, "is digits and points"),
        ({"nhs_number": "999 000 0019"}, "no NHS number"),
        ({"patient_id": "H1", "date_from": "3 5 2026", "date_to": "2 5 2026"}, "before the first one"),
    ],
)
def test_the_pacs_is_asked_only_with_a_strong_key(
    client: FlaskClient, database: Database, entries: dict[str, str], words: str
) -> None:
    answer = search(client, **entries)
    assert answer.status_code == 422
    assert words in answer.text
    for typed in entries.values():
        assert typed in answer.text, "what was typed stays"
    assert searches(database) == []


def test_a_search_is_asked_and_audited_without_its_values(
    client: FlaskClient, database: Database, gateway: Gateway
) -> None:
    answer = search(client, family_name="Example", birth_date="3/2/1951", Modality="CT", date_from="1 1 2026")
    (made,) = searches(database)
    assert answer.headers["Location"] == f"/send/{made.id}"
    assert made.criteria["birth_date"] == "19510203"
    assert len(gateway.tried) == 1
    with database.begin() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "asked.search-pacs")).one()
        assert (entry.subject, entry.institution_id) == (made.id, "ZX1")
        assert "Example" not in str(entry.facts)
        assert session.scalars(select(OutboxCommand)).one().payload == {}
    page = client.get(f"/send/{made.id}").text
    assert "ZX1_PACS is being asked." in page
    assert f'hx-get="/send/{made.id}/live"' in page
    again = client.get(f"/send?search={made.id}").text
    assert 'value="Example"' in again
    assert 'value="3 February 1951"' in again


def test_a_double_click_is_one_search(client: FlaskClient, database: Database) -> None:
    command = new_id()
    first, second = (search(client, command, patient_id="H1") for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert len(searches(database)) == 1


def test_with_the_engine_away_nothing_is_lost(app: Flask, database: Database, gateway: Gateway) -> None:
    gateway.answer = SAVED
    client = sign_in(app, "officer.zx1")
    answer = search(client, patient_id="H1")
    page = client.get(answer.headers["Location"]).text
    assert "the engine is not answering" in page
    assert "ZX1_PACS is being asked." in page


def test_only_nodes_that_can_be_asked(client: FlaskClient, database: Database, registry: Registry) -> None:
    page = client.get("/send").text
    assert "Search ZX1_PACS for what you want to send." in page
    assert "STORESCU" not in page
    assert search(client, patient_id="H1", node=registry.nodes["ZX2_PACS"]).status_code == 422
    with database.begin() as session:
        session.get_one(Node, registry.nodes["ZX1_PACS"]).query_back = False
    assert "None of your PACS can be searched." in client.get("/send").text
    searched = Criteria(patient_id="H1")
    with database.begin() as session, pytest.raises(NotAllowed):
        ask(
            session, institution_id="ZX1", account_id=registry.accounts["officer.zx1"],
            node_id=registry.nodes["ZX1_PACS"], criteria=searched, command_id=new_id(),
        )  # fmt: skip
