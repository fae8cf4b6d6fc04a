"""What no keyboard makes is answered with a page that says so, never with "something went wrong here"."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.db import Database
from tests.database import PASSWORD, Registry
from tests.web.portal import make, send, sign_in, try_to_sign_in
from tests.web.seeded import Seed


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def test_a_nul_in_a_form(app: Flask, database: Database, registry: Registry) -> None:
    answer = try_to_sign_in(app.test_client(), "officer\0", PASSWORD)
    assert answer.status_code == 422
    assert "no keyboard makes" in answer.text
    with database.begin() as session:
        reference = Seed(session, registry).delivery("on-worklist").reference
    client, page = sign_in(app, "officer.zx2"), f"/transactions/{reference}"
    assert send(client, "/transactions", "/transactions/find", reference="\0").status_code == 422
    assert send(client, page, f"{page}/refuse", reason="not\0ours").status_code == 422
    answer = send(client, page, f"{page}/refuse", reason="not\x01ours")
    assert answer.status_code == 422
    assert "without control characters" in answer.text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/transactions/T-%00", 422),
        ("/nodes/%00", 422),
        ("/transactions?after=2026-05-03T10:00:00~%00", 422),
        ("/transactions?after=0001-01-01T00:00:00%2B14:00~x", 404),
        ("/transactions?after=9999-12-31T23:59:59-14:00~x", 404),
        ("/transactions?after=2026-05-03T10:00:00~x", 200),
    ],
)
def test_strange_addresses(app: Flask, path: str, code: int) -> None:
    assert sign_in(app, "officer.zx2").get(path).status_code == code


def test_an_exception_does_not_quote_what_was_typed(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed, database.begin() as session:
        session.execute(text("SELECT CAST(:typed AS text) || chr(0)"), {"typed": "a secret"})
    assert "a secret" not in str(failed.value)
