"""Placing a request: what must be put right, and what is asked once."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from models.db import Database
from models.domain.lifecycles.request import State
from models.tables import Agreement, Institution, OutboxCommand, Transaction, now
from temporal.gateway import SAVED
from tests.database import Registry
from tests.web.portal import Gateway, make, sign_in
from tests.web.request_form import ENTRY, NEW, drafts, form, requests, send
from tests.web.seeded_requests import add_request
from tests.web.test_pages import inspect


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "clinician.zx2")


def test_a_request_is_placed(client: FlaskClient, database: Database, gateway: Gateway, registry: Registry) -> None:
    answer = send(client, priors="1")
    (request,) = requests(database)
    assert answer.headers["Location"] == f"/transactions/{request.transaction.reference}"
    assert (request.institution_id, request.source_id) == ("ZX2", "ZX1")
    assert request.placed_by == registry.accounts["clinician.zx2"]
    assert (request.nhs_number, request.birth_date) == ("9990000018", "19510203")
    assert request.transaction.urgency == "urgent"
    study, report, priors = request.studies
    for row in (study, report):
        assert (row.Modality, row.study_date_from, row.study_date_to) == ("CT", "20260503", "20260503")
    assert [row.wants for row in request.studies] == ["images", "report", "images"]
    assert (report.report_of_id, study.report_of_id, priors.report_of_id) == (study.id, None, None)
    assert priors.is_prior
    with database.begin() as session:
        (command,) = session.scalars(select(OutboxCommand))
    assert gateway.tried == [command.id]
    assert "Agnes" not in str(command.payload)
    page = client.get(answer.headers["Location"]).text
    assert "Placed. ZX1 is told." in page
    assert "ZX2 asks ZX1 for 2 studies and 1 report; ZX1 is being told." in page
    for line in (
        "<span>CT head</span>",
        "<span>Report of CT head</span>",
        "<span>Earlier studies: the last two relevant",
    ):
        assert line in page


@pytest.mark.parametrize(
    ("entries", "field", "words"),
    [
        ({"source": ""}, "source", "Choose the Institution"),
        ({"source": "Nothern"}, "source", "no such partner of yours; these are near: Northern Example (ZX1)."),
        ({"source": "ZX2"}, "source", "no such partner of yours; these are near"),
        ({"source": "qqqq"}, "source", "look for it by its ODS code"),
        ({"nhs_number": "9990000019"}, "nhs_number", "That is no NHS number"),
        ({"family_name": " "}, "family_name", "Enter the patient&#39;s family name."),
        ({"given_name": "A^B"}, "given_name", "without ^"),
        ({"birth_date": "31 2 1951"}, "birth_date", "Enter a date like"),
        ({"birth_date": "1 1 2999"}, "birth_date", "still to come"),
        ({"study-0-description": "", "study-0-Modality": "", "study-0-from": ""}, "study-0-description", "Describe"),
        ({"study-0-from": "4 5 2026", "study-0-to": "3 5 2026"}, "study-0-to", "lies before the first"),
        ({"study-0-AccessionNumber": "x" * 17}, "study-0-AccessionNumber", "16 characters at most"),
        ({"study-0-StudyInstanceUID": "1.2.x"}, "study-0-StudyInstanceUID", "digits and points"),
        ({"recipient": ""}, "recipient", "Say whom the images are for."),
        ({"call_back": ""}, "call_back", "that is answered now"),
        ({"reason": ""}, "reason", "Give a reason"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(
    client: FlaskClient, database: Database, entries: dict[str, str], field: str, words: str
) -> None:
    answer = send(client, **entries)
    assert answer.status_code == 422
    inspect(answer.text)
    assert answer.text.count(words) == 2, "in the summary and at its field"
    assert f'href="#{field}"' in answer.text
    kept = ENTRY | entries
    for name in set(ENTRY) - {"rows", "wants", "urgency", "reason", "study-0-Modality", *entries}:
        assert f'value="{kept[name]}"' in answer.text, f"{name} is lost"
    assert requests(database) == []
    assert [draft.content.get("source", "") for draft in drafts(database)] == [kept["source"]]


def test_a_routine_request_needs_no_number(client: FlaskClient, database: Database) -> None:
    assert send(client, call_back="", urgency="routine").status_code == 303
    assert len(requests(database)) == 1


def test_without_an_agreement_nobody_is_asked(client: FlaskClient, database: Database) -> None:
    with database.begin() as session:
        session.execute(update(Agreement).where(Agreement.source_id == "ZX1").values(valid_to=now()))
        session.get_one(Institution, "ZX3").closed = True
    assert send(client).status_code == 422
    assert send(client, source="ZX3").status_code == 422
    assert requests(database) == []


def test_a_double_click_is_one_request(client: FlaskClient, database: Database) -> None:
    entered = form(client)
    answers = [client.post(NEW, data=entered).headers["Location"] for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(requests(database)) == 1


def test_back_and_again_is_the_same_request(client: FlaskClient, database: Database) -> None:
    """Whoever goes back and changes the form that was sent asks nothing new: it has become its request."""
    entered = form(client)
    first = client.post(NEW, data=entered).headers["Location"]
    assert client.post(NEW, data=entered | {"recipient": "Dr O Ther"}).headers["Location"] == first
    page = client.get(first).text
    assert f"This form was placed already as {first.rpartition('/')[2]}; open a new one to ask anew." in page
    assert page.count("Placed. ZX1 is told.") == 1, "the first answer's"
    assert client.get(f"/requests/drafts/{entered['command']}").headers["Location"] == first
    answer = client.post("/requests/drafts", data=entered)
    assert "Not kept: this form was placed already." in answer.text
    assert "HX-Replace-Url" not in answer.headers
    client.post(NEW, data=entered | {"keep": ""})
    assert "Nothing was kept" in client.get("/requests").text
    assert drafts(database) == []
    assert len(requests(database)) == 1


def test_the_form_of_somebody_else_is_no_key(app: Flask, client: FlaskClient, database: Database) -> None:
    entered = form(client)
    client.post(NEW, data=entered)
    other = sign_in(app, "officer.zx2")
    answer = other.post(NEW, data=form(other) | {"command": entered["command"], "all_the_same": "1"})
    assert answer.status_code == 422
    assert "This form was used before" in answer.text
    assert len(requests(database)) == 1
    assert other.post(NEW, data=form(other) | {"command": "x"}).status_code == 400


def test_an_open_request_for_the_same_is_shown_first(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        reference = add_request(session, registry, State.AWAITING_STUDY).transaction.reference
        ended = add_request(session, registry, State.DECLINED).transaction.reference
    entered = form(client)
    answer = client.post(NEW, data=entered)
    assert answer.status_code == 422
    inspect(answer.text)
    assert f'<a class="iep-reference" href="/transactions/{reference}">{reference}</a>' in answer.text
    assert ended not in answer.text
    assert len(requests(database)) == 2
    assert client.post(NEW, data=entered | {"all_the_same": "1"}).status_code == 303
    assert len(requests(database)) == 3


def test_without_the_engine_it_is_saved(client: FlaskClient, database: Database, gateway: Gateway) -> None:
    gateway.answer = SAVED
    assert SAVED in client.get(send(client).headers["Location"]).text
    assert len(requests(database)) == 1


def test_studies_are_added_and_removed_without_script(client: FlaskClient, database: Database) -> None:
    text = send(client, add="1").text
    inspect(text)
    assert 'id="study-1-description"' in text
    assert 'value="Dr R Cipient"' in text
    assert text.count("autofocus") == 1
    two = {"rows": "2", "study-1-description": "CT chest"}
    assert 'id="study-2-description"' in send(client, add="1", **two).text
    text = send(client, remove="0", **two).text
    assert 'value="CT chest"' in text
    assert 'value="CT head"' not in text
    assert 'id="study-1-description"' not in text
    assert send(client, all_the_same="1", **two).status_code == 303
    (request,) = requests(database)
    assert [(study.description, study.wants) for study in request.studies] == [
        ("CT head", "images"), ("CT head", "report"), ("CT chest", "images"), ("CT chest", "report"),
    ]  # fmt: skip


def test_transactions_know_their_kind(client: FlaskClient, database: Database) -> None:
    """A request is a Transaction from the source to the requester."""
    send(client)
    with database.begin() as session:
        one: Any = session.scalars(select(Transaction)).one()
    assert (one.kind, one.institution_id, one.destination_id, one.lifecycle) == ("request", "ZX1", "ZX2", "request")
