"""The page that forwards: what it offers, what it refuses, and that both transactions lead to each other."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.tables import Agreement, Delivery, OutboxCommand, Transaction
from tests.database import Registry
from tests.web.portal import field_of, make, send, sign_in
from tests.web.seeded import Seed
from tests.web.test_pages import inspect


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    with database.begin() as session:
        session.get_one(Agreement, ("ZX1", "ZX2")).onward = True
    return make(database)


@pytest.fixture
def page(database: Database, registry: Registry) -> str:
    with database.begin() as session:
        return f"/transactions/{Seed(session, registry).delivery('confirmed').reference}"


def test_both_lead_to_each_other(app: Flask, database: Database, registry: Registry, page: str) -> None:
    client = sign_in(app, "officer.zx2")
    assert f'href="{page}/forward"' in client.get(page).text
    text = client.get(f"{page}/forward").text
    inspect(text)
    assert "Eastern Independent Imaging (ZX3), Imaging" in text
    assert "Northern Example" not in text, "it came from there"
    answer = send(client, f"{page}/forward", f"{page}/forward", worklist_id=registry.worklists["ZX3"], reason="Surgery")
    assert answer.status_code == 303
    onward = answer.headers["Location"]
    shown = client.get(onward).text
    assert "Forwarded. It goes on by itself; ZX1 is told." in shown
    assert f'href="{page}"' in shown
    assert f'href="{onward}"' in client.get(page).text
    with database.begin() as session:
        command = session.scalars(select(OutboxCommand)).one()
        assert (command.kind, command.payload["reason"]) == ("forward-delivery", "Surgery")
        # As the journal has put it on the third's worklist.
        new = session.get_one(Delivery, command.subject_id)
        new.state = session.get_one(Transaction, new.transaction_id).state = "on-worklist"
    third = sign_in(app, "officer.zx3")
    read = third.get(onward).text
    assert "As ZX1 sent it" in read
    assert "ZX1 sent " in read[read.index('id="patient_id"') - 400 :]
    assert "As ZX2 sent it" not in read
    assert "ZX2 sent " not in read
    assert third.get(page).status_code == 404, "what ZX1 sent to ZX2 stays theirs"
    listed = third.get("/worklist").text
    assert "Sent by Royal Example (ZX2), who forwarded it from ZX1" in listed
    assert "Surgery" in listed
    assert sign_in(app, "officer.zx1").get(onward).status_code == 404


def test_what_must_be_put_right(app: Flask, database: Database, registry: Registry, page: str) -> None:
    client = sign_in(app, "officer.zx2")
    path = f"{page}/forward"
    for entries, words in (
        ({"worklist_id": registry.worklists["ZX3"], "reason": ""}, "Give a reason"),
        ({"worklist_id": "", "reason": "Surgery"}, "Choose where it is forwarded to."),
        ({"worklist_id": registry.worklists["ZX1"], "reason": "Surgery"}, "choose one of the worklists"),
    ):
        answer = send(client, path, path, **entries)
        assert answer.status_code == 422
        assert answer.text.count(words) == 2
        assert entries["reason"] in answer.text, "what was typed is not lost"
    with database.begin() as session:
        assert session.scalars(select(OutboxCommand)).all() == []


def test_a_double_click_leads_to_the_same_transaction(
    app: Flask, database: Database, registry: Registry, page: str
) -> None:
    client = sign_in(app, "officer.zx2")
    text = client.get(f"{page}/forward").text
    form = {name: field_of(text, name) for name in ("csrf_token", "command")}
    form |= {"worklist_id": registry.worklists["ZX3"], "reason": "Surgery"}
    places = {client.post(f"{page}/forward", data=form).headers["Location"] for _ in range(2)}
    assert len(places) == 1
    with database.begin() as session:
        assert len(session.scalars(select(Delivery)).all()) == 2


def test_a_page_says_why_it_cannot_be_forwarded(app: Flask, database: Database, page: str) -> None:
    client = sign_in(app, "officer.zx2")
    with database.begin() as session:
        session.delete(session.get_one(Agreement, ("ZX2", "ZX3")))
    assert "There is nowhere to forward it" in client.get(f"{page}/forward").text
    with database.begin() as session:
        session.get_one(Agreement, ("ZX1", "ZX2")).onward = False
    assert f'href="{page}/forward"' not in client.get(page).text, "nor is it offered"
    text = client.get(f"{page}/forward").text
    assert "The agreement with ZX1 does not let you forward what it sends" in text
    assert "<select" not in text


def test_only_the_destination_forwards(app: Flask, page: str) -> None:
    for person, code in (("officer.zx1", 403), ("officer.zx3", 404), ("clinician.zx2", 403), ("support.zx2", 403)):
        client = sign_in(app, person)
        assert client.get(f"{page}/forward").status_code == code, person
        assert person == "officer.zx3" or f"{page}/forward" not in client.get(page).text
