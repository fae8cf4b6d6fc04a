"""Searching the own PACS and sending what was picked, without a browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from models.db import Database
from models.searches import KEPT_FOR, forget_old
from models.tables import Arrival, OutboxCommand, PacsHit, PacsSearch, Study, WebSession, new_id, now
from models.transfers import TransferEntry
from tests.database import Registry
from tests.web.portal import Gateway, field_of, make, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_request
from tests.web.seeded_search import AGNES, CT, OLD, add_search, add_series
from tests.web.send_form import ENTRY, search, searches, send
from web.sessions import IDLE


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "officer.zx1")


@pytest.fixture
def search_id(database: Database, registry: Registry) -> str:
    with database.begin() as session:
        return add_search(session, registry).id


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch, app: Flask) -> list[TransferEntry]:
    """The transfers that were placed; which is all that this side knows of them."""
    entries: list[TransferEntry] = []

    def place(session: Any, *, entry: TransferEntry, **given: Any) -> str:
        if session.get(OutboxCommand, given["command_id"]) is not None:
            return "T-2222-222"
        entries.append(entry)
        session.add(
            OutboxCommand(
                id=given["command_id"], institution_id="ZX1", kind="place-transfer", subject_id="x",
                actor=given["account_id"], payload={}, created_at=now(), next_try_at=now(),
            )
        )  # fmt: skip
        return "T-2222-222"

    monkeypatch.setattr("web.send.place.place", place)
    return entries


def test_what_was_found(client: FlaskClient, database: Database, registry: Registry, search_id: str) -> None:
    page = client.get(f"/send/{search_id}").text
    assert "3 studies at ZX1_PACS." in page
    for words in ("CT head", "3 May 2026", "Accession A1000042", "180 images", "2 series", "DX Hand", "Not said"):
        assert words in page
    assert page.count("not yet") == 3


def test_what_the_exchange_knows_of_it(client: FlaskClient, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request = add_request(session, registry).transaction.reference
        sent = Seed(session, registry).delivery("confirmed")
        uid = session.scalars(
            select(Study.StudyInstanceUID).join(Arrival).where(Arrival.transaction_id == sent.id)
        ).one()
        search_id = add_search(session, registry, (CT, replace(OLD, StudyInstanceUID=uid))).id
        reference = sent.reference
    page = client.get(f"/send/{search_id}").text
    assert f"{request}</a> ZX2 asks for it" in page, "by its accession number"
    assert f"{reference}</a> is here already, for ZX2" in page


@pytest.mark.parametrize(
    ("state", "sentence", "words"),
    [
        ("failed", "ZX1_PACS did not answer.", "such as <code>IEP_ZX3</code> for Eastern Independent Imaging"),
        ("answered", "No match; widen the dates.", "Change the search"),
    ],
)
def test_nothing_found(
    client: FlaskClient, database: Database, registry: Registry, state: str, sentence: str, words: str
) -> None:
    with database.begin() as session:
        search_id = add_search(session, registry, (), state=state, sentence=sentence).id
    page = client.get(f"/send/{search_id}").text
    assert sentence in page
    assert words in page


def test_where_to_push_for_a_request(client: FlaskClient, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        request_id = add_request(session, registry).id
        search_id = add_search(session, registry, (), state="failed", request_id=request_id).id
    assert "called AE title <code>IEP_ZX2</code>." in client.get(f"/send/{search_id}").text


def test_the_part_that_waits(client: FlaskClient, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        asking, answered = (add_search(session, registry, state=state).id for state in ("asking", "answered"))
    assert "HX-Refresh" not in client.get(f"/send/{asking}/live").headers
    assert client.get(f"/send/{answered}/live").headers["HX-Refresh"] == "true"


def test_the_series_are_shown_on_demand(
    client: FlaskClient, database: Database, registry: Registry, search_id: str
) -> None:
    text = client.get(f"/send/{search_id}").text
    data = {"csrf_token": field_of(text, "csrf_token"), "open": "1", "study": "2", "recipient": "Dr R Cipient"}
    for _ in range(2):
        answer = client.post(f"/send/{search_id}/series", data=data)
        assert answer.headers["Location"] == f"/send/{search_id}#study-1"
    (part,) = (one for one in searches(database) if one.level == "SERIES")
    assert part.criteria["StudyInstanceUID"] == CT.StudyInstanceUID
    page = client.get(f"/send/{search_id}").text
    assert "ZX1_PACS is being asked for the series." in page
    assert 'name="study" value="2" checked' in page
    assert 'value="Dr R Cipient"' in page
    assert client.get(f"/send/{search_id}/series/{part.id}/1").status_code == 200
    assert client.get(f"/send/{part.id}").status_code == 404, "it is a part of the other page"
    assert client.post(f"/send/{search_id}/series", data=data | {"open": "9"}).status_code == 404


def test_studies_and_series_are_sent(
    client: FlaskClient, database: Database, registry: Registry, placed: list[TransferEntry]
) -> None:
    with database.begin() as session:
        search = add_search(session, registry)
        series = add_series(session, search).id
        search_id = search.id
    answer = send(client, search_id, registry, study="2", series=f"{series}.2")
    assert answer.headers["Location"] == "/transactions/T-2222-222"
    (entry,) = placed
    assert (entry.node_id, entry.worklist_id) == (registry.nodes["ZX1_PACS"], registry.worklists["ZX2"])
    assert (entry.recipient, entry.urgency.value, entry.reason) == ("Dr R Cipient", "urgent", "For the meeting.")
    assert [(one.StudyInstanceUID, one.series) for one in entry.studies] == [
        ("2.25.771", ("2.25.771.2",)),
        ("2.25.773", ()),
    ]
    assert (entry.studies[1].description, entry.studies[1].Modality, entry.studies[1].study_date) == (
        "Hand", "DX", "20250102",
    )  # fmt: skip


def test_earlier_studies_by_one_tick(
    client: FlaskClient, registry: Registry, search_id: str, placed: list[TransferEntry]
) -> None:
    send(client, search_id, registry, study="1", priors="1")
    assert [one.StudyInstanceUID for one in placed[0].studies] == ["2.25.771", "2.25.772"]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "Tick the studies"),
        ({"study": "9"}, "Tick the studies"),
        ({"study": "1", "worklist": ""}, "Choose where the images go."),
        ({"study": "1", "worklist": "not-ours"}, "Choose where the images go."),
        ({"study": "1", "recipient": ""}, "Say whom the images are for."),
        ({"study": "1", "call_back": ""}, "Give a number that is answered now"),
        ({"study": "1", "reason": ""}, "Give a reason"),
        ({"study": "1", "reason": "For Agnes."}, "Do not name the patient"),
        ({"study": "1", "reason": "About ZX1-0042."}, "Do not name the patient"),
    ],
)
def test_what_must_be_put_right(
    client: FlaskClient, registry: Registry, search_id: str, placed: list[TransferEntry], entries: Any, words: str
) -> None:
    answer = send(client, search_id, registry, **entries)
    assert answer.status_code == 422
    assert words in answer.text
    assert placed == []


def test_studies_of_two_people_do_not_go_together(
    client: FlaskClient, database: Database, registry: Registry, placed: list[TransferEntry]
) -> None:
    twin = replace(OLD, PatientName="EXAMPLE^Berta", PatientID="ZX1-0043", other_ids=())
    with database.begin() as session:
        search_id = add_search(session, registry, (CT, twin)).id
    assert "not all of one patient" in client.get(f"/send/{search_id}").text
    answer = send(client, search_id, registry, study=["1", "2"])
    assert answer.status_code == 422
    assert "of more than one patient" in answer.text
    assert placed == []


def test_the_back_button_sends_nothing_twice(
    client: FlaskClient, registry: Registry, search_id: str, placed: list[TransferEntry], gateway: Gateway
) -> None:
    command = new_id()
    for _ in range(2):
        send(client, search_id, registry, study="1", command=command)
    assert len(gateway.tried) == 1
    assert "was sent already as T-2222-222" in client.get("/").text


def test_from_a_request(
    client: FlaskClient, database: Database, registry: Registry, placed: list[TransferEntry]
) -> None:
    with database.begin() as session:
        request = add_request(session, registry, descriptions=("CT head",))
        reference, request_id = request.transaction.reference, request.id
    assert f'href="/send?request={reference}"' in client.get(f"/transactions/{reference}").text
    form = client.get(f"/send?request={reference}").text
    for value in ("999 000 0018", "ZX1-0042", "EXAMPLE", "3 February 1951", "A1000042", "3 May 2026"):
        assert f'value="{value}"' in form
    answer = search(client, patient_id="ZX1-0042", request=reference)
    (made,) = searches(database)
    assert (answer.status_code, made.request_id) == (303, request_id)
    with database.begin() as session:
        search_id = add_search(session, registry, request_id=request_id).id
    page = client.get(f"/send/{search_id}").text
    assert f'<option value="{registry.worklists["ZX2"]}" selected' in page
    for words in ("Dr R Cipient", "01632 960222", f"Answers {reference}.", "Fell on the stairs yesterday."):
        assert words in page
    send(client, search_id, registry, study="1")
    assert placed[0].request_id == request_id


def test_another_patient_than_the_request_s(
    client: FlaskClient, database: Database, registry: Registry, placed: list[TransferEntry]
) -> None:
    other = replace(CT, **AGNES | {"PatientBirthDate": "19520203"})
    with database.begin() as session:
        request = add_request(session, registry)
        search_id = add_search(session, registry, (other,), request_id=request.id).id
    assert "birth date" in client.get(f"/send/{search_id}").text
    assert "is not of the patient that" in send(client, search_id, registry, study="1").text
    assert placed == []


def test_a_request_to_somebody_else_fills_nothing_in(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = add_request(session, registry).transaction.reference
    for name in ("officer.zx2", "officer.zx3"):
        assert sign_in(app, name).get(f"/send?request={reference}").status_code == 404
    assert "/send?request" not in sign_in(app, "officer.zx2").get(f"/transactions/{reference}").text


def test_others_find_nothing(app: Flask, search_id: str) -> None:
    assert sign_in(app, "officer.zx2").get(f"/send/{search_id}").status_code == 404
    assert sign_in(app, "officer.zx2").get(f"/send?search={search_id}").status_code == 404
    for name in ("clinician.zx1", "support.zx1"):
        client = sign_in(app, name)
        assert client.get(f"/send/{search_id}").status_code == 403
        assert 'href="/send"' not in client.get("/").text


def test_it_is_forgotten_within_the_hour(
    client: FlaskClient, database: Database, registry: Registry, search_id: str
) -> None:
    with database.begin() as session:
        session.get_one(PacsSearch, search_id).asked_at = now() - KEPT_FOR - timedelta(seconds=1)
    assert client.get(f"/send/{search_id}").status_code == 404
    assert timedelta(minutes=5) <= timedelta(hours=1) - KEPT_FOR
    with database.begin() as session:
        forget_old(session)
        assert session.scalars(select(PacsHit)).all() == []
        assert session.get(PacsSearch, search_id) is None


def test_what_was_ticked_outlives_a_session(
    client: FlaskClient, database: Database, registry: Registry, search_id: str
) -> None:
    text = client.get(f"/send/{search_id}").text
    data = {name: field_of(text, name) for name in ("csrf_token", "command")} | ENTRY | {"study": "2"}
    with database.begin() as session:
        session.scalars(select(WebSession)).one().last_seen_at = now() - IDLE - timedelta(seconds=1)
    answer = client.post(f"/send/{search_id}", data=data)
    assert answer.headers["Location"] == f"/sign-in?next=/send/{search_id}"
    with database.begin() as session:
        assert session.get_one(PacsSearch, search_id).typed["study"] == ["2"]
