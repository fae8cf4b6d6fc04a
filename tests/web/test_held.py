"""Held: an object held apart leaves the list once somebody of its source has looked."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.tables import AuditEntry, HeldObject
from tests.database import Registry
from tests.web.portal import field_of, make, sign_in
from tests.web.seeded import Seed


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


@pytest.fixture
def held_id(database: Database, registry: Registry) -> str:
    with database.begin() as session:
        return Seed(session, registry).held_object("ZX1").id


def acts(database: Database) -> list[AuditEntry]:
    with database.begin() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.act == "held-object.resolved")))


def test_somebody_has_looked(app: Flask, database: Database, registry: Registry, held_id: str) -> None:
    client = sign_in(app, "officer.zx1")
    page = client.get("/held").text
    assert f'action="/held/{held_id}/resolve"' in page
    assert "1 object</a>" in client.get("/").text
    form = {"csrf_token": field_of(page, "csrf_token"), "outcome": "sender-told", "reason": "The CT was set up twice."}
    for _ in range(2):
        assert client.post(f"/held/{held_id}/resolve", data=form).status_code == 303
    assert held_id not in client.get("/held").text
    assert "1 object</a>" not in client.get("/").text
    with database.begin() as session:
        row = session.get_one(HeldObject, held_id)
        assert (row.resolved_by, row.outcome) == (registry.accounts["officer.zx1"], "sender-told")
        assert row.resolution == "The CT was set up twice."
        assert row.key is not None, "it stays kept"
    (act,) = acts(database)
    assert (act.subject, act.facts) == (held_id, {"outcome": "sender-told"})


def test_it_needs_a_reason_and_an_outcome(app: Flask, database: Database, held_id: str) -> None:
    client = sign_in(app, "officer.zx1")
    form = {"csrf_token": field_of(client.get("/held").text, "csrf_token"), "outcome": "kept-apart", "reason": " "}
    answer = client.post(f"/held/{held_id}/resolve", data=form)
    assert answer.status_code == 422
    assert answer.text.count("Give a reason") == 2, "in the summary and at its field"
    assert client.post(f"/held/{held_id}/resolve", data=form | {"outcome": "x", "reason": "y"}).status_code == 404
    assert acts(database) == []


@pytest.mark.parametrize(("who", "code"), [("officer.zx2", 404), ("clinician.zx1", 403), ("support.zx1", 403)])
def test_it_is_the_source_s_officer_who_looks(
    app: Flask, database: Database, held_id: str, who: str, code: int
) -> None:
    client = sign_in(app, who)
    page = client.get("/held").text
    assert f'action="/held/{held_id}/resolve"' not in page
    form = {"csrf_token": field_of(page, "csrf_token"), "outcome": "kept-apart", "reason": "x"}
    assert client.post(f"/held/{held_id}/resolve", data=form).status_code == code
    assert acts(database) == []
