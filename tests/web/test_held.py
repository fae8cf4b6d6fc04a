"""Held: studies with the requests that they may answer, and objects held apart until somebody has looked."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.queries.standing import standings
from models.tables import (
    Arrival,
    AuditEntry,
    HeldObject,
    ImageRequest,
    OutboxCommand,
    RequestedStudy,
    Transaction,
    TransitionRow,
    new_id,
)
from tests.database import Registry
from tests.web.portal import field_of, make, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_candidate, add_request
from tests.web.test_pages import inspect


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
    form = {"csrf_token": field_of(page, "csrf_token"), "outcome": "kept-apart", "reason": "No more."}
    assert client.post(f"/held/{held_id}/resolve", data=form).status_code == code
    assert acts(database) == []


def held_with(database: Database, registry: Registry, requests: int) -> tuple[str, list[tuple[str, str]]]:
    """A held study of ZX1, and (requested study's id, request's reference) of what it may answer."""
    with database.begin() as session:
        one = Seed(session, registry).arrival("held")
        asked = [add_request(session, registry, urgency="urgent") for _ in range(requests)]
        for request in asked:
            add_candidate(session, request.studies[0], one)
        return one.reference, [(request.studies[0].id, request.transaction.reference) for request in asked]


def asked_of_engine(database: Database) -> list[OutboxCommand]:
    with database.begin() as session:
        return list(session.scalars(select(OutboxCommand)))


def test_two_requests_fit_and_a_person_chooses(app: Flask, database: Database, registry: Registry) -> None:
    reference, ((first, asked), (second, other)) = held_with(database, registry, 2)
    client = sign_in(app, "officer.zx1")
    text = client.get("/held").text
    inspect(text)
    for shown in (
        "1 study waits for a decision",
        "No image names a destination.",
        "Two requests fit; choose.",
        asked,
        other,
        "ZX2, Dr R Cipient",
        "CT head",
        "NHS number, birth date",
        "given name",
        "Northern Example's PACS officers decide.",
        "01632 960010",
        "mailto:imaging@zx1.example",
        "Royal Example (ZX2), Imaging",
    ):
        assert shown in text, shown
    said = "Held: No image names a destination. Two requests fit. ZX1&#39;s PACS officer decides."
    for page in (f"/transactions/{reference}", "/transactions"):
        assert said in client.get(page).text, page
    assert said in sign_in(app, "support.zx3").get("/support").text
    with database.begin() as session:
        one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        (in_a_mail,) = standings(session, [one], in_detail=False)
    assert in_a_mail.sentence == "Held: Two requests fit. ZX1's PACS officer decides."
    form = {name: field_of(text, name) for name in ("csrf_token", "command")}
    path = f"/transactions/{reference}/match"
    for wrong in ("", new_id(), registry.worklists["ZX2"]):
        assert client.post(path, data=form | {"requested_study_id": wrong}).status_code == 422
    assert client.post(path, data=form | {"requested_study_id": second}).status_code == 303
    assert [(one.kind, one.payload) for one in asked_of_engine(database)] == [
        ("match-arrival", {"requested_study_id": second})
    ]
    page = client.get(f"/transactions/{reference}").text
    assert f"It answers {asked}" in page
    assert f'value="{first}"' in page


def test_a_study_that_is_no_longer_wanted_is_not_offered(app: Flask, database: Database, registry: Registry) -> None:
    _, ((first, asked), (_, other)) = held_with(database, registry, 2)
    with database.begin() as session:
        session.get_one(RequestedStudy, first).state = "declined"
    text = sign_in(app, "officer.zx1").get("/held").text
    assert asked not in text
    assert other in text
    assert "One request may be about it; say whether it is." in text


def test_the_later_of_two_reads_who_did_what_and_when(app: Flask, database: Database, registry: Registry) -> None:
    reference, ((study, _),) = held_with(database, registry, 1)
    client = sign_in(app, "officer.zx1")
    form = {name: field_of(client.get("/held").text, name) for name in ("csrf_token", "command")}
    with database.begin() as session:
        # As the journal has it after a colleague's refusal.
        other = Seed(session, registry).arrival("refused")
        rows = session.scalars(select(TransitionRow).where(TransitionRow.transaction_id == other.id))
        one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        for row in rows:
            row.transaction_id, row.actor = one.id, registry.accounts["clinician.zx1"]
        one.state = "refused"
        session.scalars(select(Arrival).where(Arrival.transaction_id == one.id)).one().state = "refused"
    for act, entries in (
        ("match", {"requested_study_id": study}),
        ("assign", {"worklist_id": registry.worklists["ZX2"]}),
        ("refuse-held", {"reason": "No more."}),
    ):
        assert client.post(f"/transactions/{reference}/{act}", data=form | entries).status_code == 303
        page = client.get(f"/transactions/{reference}").text
        assert "Too late: it was refused by Clinician 1 Example (ZX1) on " in page
    assert asked_of_engine(database) == []


def test_who_chooses_a_request_that_was_withdrawn_reads_by_whom(
    app: Flask, database: Database, registry: Registry
) -> None:
    reference, ((study, asked),) = held_with(database, registry, 1)
    client = sign_in(app, "officer.zx1")
    form = {name: field_of(client.get("/held").text, name) for name in ("csrf_token", "command")}
    with database.begin() as session:
        request = session.get_one(ImageRequest, session.get_one(RequestedStudy, study).request_id)
        request.state = "withdrawn"
        step = session.scalars(
            select(TransitionRow).where(TransitionRow.subject_id == request.id).order_by(TransitionRow.id.desc())
        ).first()
        assert step
        step.event, step.actor = "withdrawn", registry.accounts["clinician.zx2"]
    answer = client.post(f"/transactions/{reference}/match", data=form | {"requested_study_id": study})
    assert answer.status_code == 422
    assert f"Too late: {asked} was withdrawn by Clinician 2 Example (ZX2) at " in answer.text
    assert "Choose one of" in client.post(f"/transactions/{reference}/match", data=form).text
    assert asked_of_engine(database) == []


def test_what_came_from_nobody_belongs_to_support(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        Seed(session, registry).held_object("ZX1", institution_id=None, sentence="It came from nobody.")
    text = sign_in(app, "support.zx2").get("/held").text
    assert "It came from nobody." in text
    assert "support: it came from nobody who is known" in text
    assert "12 min" in text
    assert "It came from nobody." not in sign_in(app, "officer.zx1").get("/held").text


def test_support_has_looked_at_what_came_from_nobody(
    app: Flask, database: Database, registry: Registry, held_id: str
) -> None:
    with database.begin() as session:
        orphan_id = Seed(session, registry).held_object("ZX1", institution_id=None).id
    client = sign_in(app, "support.zx2")
    assert "1 object from no Institution." in client.get("/support").text
    page = client.get("/held").text
    assert f'action="/held/{held_id}/' not in page, "that has a source"
    form = {"csrf_token": field_of(page, "csrf_token"), "outcome": "kept-apart", "reason": "A modality on trial."}
    assert client.post(f"/held/{held_id}/resolve-of-nobody", data=form).status_code == 404
    officer = sign_in(app, "officer.zx1")
    token = field_of(officer.get("/held").text, "csrf_token")
    for path, code in (("resolve", 404), ("resolve-of-nobody", 403)):
        answer = officer.post(f"/held/{orphan_id}/{path}", data=form | {"csrf_token": token})
        assert answer.status_code == code
    assert acts(database) == []
    assert f'action="/held/{orphan_id}/resolve-of-nobody"' in page
    for _ in range(2):
        assert client.post(f"/held/{orphan_id}/resolve-of-nobody", data=form).status_code == 303
    assert orphan_id not in client.get("/held").text
    assert [(act.subject, act.institution_id) for act in acts(database)] == [(orphan_id, None)]


@pytest.mark.parametrize(("person", "code"), [("officer.zx2", 403), ("officer.zx3", 404), ("clinician.zx1", 403)])
def test_only_the_source_says_what_a_study_answers(
    app: Flask, database: Database, registry: Registry, person: str, code: int
) -> None:
    reference, ((study, _),) = held_with(database, registry, 1)
    with database.begin() as session:
        session.scalars(select(Transaction).where(Transaction.reference == reference)).one().destination_id = "ZX2"
    client = sign_in(app, person)
    text = client.get("/held").text
    assert "It answers this" not in text
    form = {"csrf_token": field_of(text, "csrf_token"), "command": new_id(), "requested_study_id": study}
    assert client.post(f"/transactions/{reference}/match", data=form).status_code == code
    assert asked_of_engine(database) == []


def test_support_reads_no_patient_on_the_held_desk(app: Flask, database: Database, registry: Registry) -> None:
    reference, ((_, asked),) = held_with(database, registry, 1)
    text = sign_in(app, "support.zx3").get("/held").text
    assert reference in text
    assert asked in text
    for detail in ("Agnes", "CT head", "ZX1-0042", "999 000 0018", "3 May 2026"):
        assert detail not in text, detail
