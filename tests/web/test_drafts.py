"""Drafts: nothing that was typed is lost, and nobody else reads it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from models.db import Database
from models.tables import Draft, WebSession, now
from tests.database import Registry
from tests.web.portal import field_of, make, sign_in
from tests.web.request_form import ENTRY, NEW, drafts, form, requests, send
from web.sessions import IDLE


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "clinician.zx2")


def test_it_is_kept_while_it_is_typed(app: Flask, client: FlaskClient, database: Database) -> None:
    entered = form(client, reason="Fell", family_name="")
    part = {"HX-Request": "true"}
    answer = client.post("/requests/drafts", data=entered, headers=part)
    assert answer.status_code == 200
    assert "Kept as a draft at" in answer.text
    assert "Ask ZX1 for a study. Northern Example&#39;s office is " in answer.text
    path = answer.headers["HX-Replace-Url"]
    client.post("/requests/drafts", data=entered | {"reason": "Fell on the stairs"}, headers=part)
    assert [draft.content["reason"] for draft in drafts(database)] == ["Fell on the stairs"]
    again = client.get(path).text
    assert "Fell on the stairs" in again
    assert field_of(again, "command") == entered["command"]
    assert f'href="{path}"' in client.get("/requests").text
    assert "1 request</a> that you have begun to write" in client.get("/").text
    for somebody in ("officer.zx2", "clinician.zx1"):
        other = sign_in(app, somebody)
        assert other.get(path).status_code == 404
        assert path not in other.get("/requests").text
        token = field_of(other.get(NEW).text, "csrf_token")
        assert other.post(f"{path}/discard", data={"csrf_token": token}).status_code == 404
        other.post("/requests/drafts", data=entered | {"csrf_token": token, "reason": "mine now"})
    assert [draft.content["reason"] for draft in drafts(database)] == ["Fell on the stairs"]
    assert client.post(f"{path}/discard", data={"csrf_token": entered["csrf_token"]}).status_code == 303
    assert drafts(database) == []
    assert client.get(path).status_code == 404


def test_an_empty_form_is_no_draft(client: FlaskClient, database: Database) -> None:
    blank = dict.fromkeys(ENTRY, "") | {"rows": "1", "source": "ZX1", "urgency": "routine"}
    answer = client.post("/requests/drafts", data=form(client) | blank)
    assert "HX-Replace-Url" not in answer.headers
    assert drafts(database) == []


def test_it_is_kept_by_its_button(client: FlaskClient, database: Database) -> None:
    assert send(client, keep="1", birth_date="nonsense").headers["Location"] == "/requests"
    assert "Kept as a draft" in client.get("/requests").text
    (draft,) = drafts(database)
    entered = form(client) | draft.content | {"command": draft.id, "birth_date": "3 2 1951"}
    assert client.post(NEW, data=entered).status_code == 303
    assert drafts(database) == []


def test_old_drafts_are_forgotten(client: FlaskClient, database: Database) -> None:
    send(client, keep="1")
    with database.begin() as session:
        session.execute(update(Draft).values(saved_at=now() - timedelta(days=31)))
    send(client, keep="1", reason="newer")
    assert [draft.content["reason"] for draft in drafts(database)] == ["newer"]


def test_old_drafts_of_everybody_are_forgotten(app: Flask, client: FlaskClient, database: Database) -> None:
    send(client, keep="1", reason="of one who left")
    with database.begin() as session:
        session.execute(update(Draft).values(saved_at=now() - timedelta(days=31)))
    send(sign_in(app, "officer.zx2"), keep="1", reason="of another")
    assert [draft.content["reason"] for draft in drafts(database)] == ["of another"]


@pytest.mark.parametrize("by_itself", [False, True])
def test_what_was_typed_when_the_session_ran_out_comes_back(
    app: Flask, client: FlaskClient, database: Database, by_itself: bool
) -> None:
    entered = form(client)
    with database.begin() as session:
        session.execute(update(WebSession).values(last_seen_at=now() - IDLE))
    sign_in(app, "officer.zx1")  # forgets sessions that ended long ago, not this one
    headers = {"HX-Request": "true"} if by_itself else {}
    answer = client.post("/requests/drafts" if by_itself else NEW, data=entered, headers=headers)
    way = answer.headers["HX-Redirect" if by_itself else "Location"]
    assert way == f"/sign-in?next=/requests/drafts/{entered['command']}"
    assert requests(database) == [], "nobody is asked by somebody who has to sign in"
    assert "What you typed is kept as a draft" in client.get(way).text
    again = sign_in(app, "clinician.zx2").get(way.partition("next=")[2]).text
    assert 'value="Dr R Cipient"' in again


def test_signed_out_or_unknown_nothing_is_kept(app: Flask, client: FlaskClient, database: Database) -> None:
    entered = form(client)
    client.post("/sign-out", data={"csrf_token": entered["csrf_token"]})
    token = field_of(client.get("/sign-in").text, "csrf_token")
    assert client.post(NEW, data=entered | {"csrf_token": token}).headers["Location"] == "/sign-in"
    assert drafts(database) == []


def test_typing_keeps_the_session_and_looking_does_not(client: FlaskClient, database: Database) -> None:
    entered = form(client)
    before = now() - IDLE + timedelta(minutes=1)
    for by_itself in (lambda: client.get("/live", headers={"HX-Request": "true"}), None):
        with database.begin() as session:
            session.execute(update(WebSession).values(last_seen_at=before))
        if by_itself:
            by_itself()
        else:
            client.post("/requests/drafts", data=entered, headers={"HX-Request": "true"})
        with database.begin() as session:
            assert (session.scalars(select(WebSession.last_seen_at)).one() == before) == bool(by_itself)
