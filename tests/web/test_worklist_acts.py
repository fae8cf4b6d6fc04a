"""Acts on the worklist: two people at once, double clicks, old pages, and nothing of other Institutions."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.local_patients import ANOTHERS_ID
from models.tables import OutboxCommand, Worklist, new_id
from temporal.gateway import SAVED
from tests.database import Registry
from tests.web.portal import Gateway, field_of, make, sign_in
from tests.web.waiting import commands, decided, form, release, waiting


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


def test_a_colleague_sees_what_was_refused_or_is_under_way(
    app: Flask, database: Database, registry: Registry, gateway: Gateway
) -> None:
    ((only, _),) = waiting(database, registry)
    gateway.answer = ANOTHERS_ID
    client = sign_in(app, "officer.zx2")
    release(client, only, **{f"patient_id-{only}": "H123"})
    assert re.search(
        r"Officer 2 Example \(ZX2\) asked to release it at .*That local ID belongs", client.get("/worklist").text
    )
    with database.begin() as session:
        session.scalars(select(OutboxCommand)).one().delivered_at = None
        session.scalars(select(OutboxCommand)).one().refusal = ""
    assert "saved; it goes on by itself" in client.get("/worklist").text


def test_without_the_engine_it_is_saved(app: Flask, database: Database, registry: Registry, gateway: Gateway) -> None:
    (first, _), (second, _) = waiting(database, registry, 2)
    gateway.answer = SAVED
    client = sign_in(app, "officer.zx2")
    assert release(client, first, second).status_code == 303
    assert f"2 of 2: {SAVED}" in client.get("/worklist").text


def test_a_double_click_is_one_command_for_each_row(app: Flask, database: Database, registry: Registry) -> None:
    (first, _), (second, _) = waiting(database, registry, 2)
    client = sign_in(app, "officer.zx2")
    sent = form(client) | {"delivery": [first, second]}
    assert client.post("/worklist/release", data=sent).status_code == 303
    for one in (first, second):
        decided(database, registry, one, "released", "sending", "officer.zx2")
    assert client.post("/worklist/release", data=sent).status_code == 303
    assert len(commands(database)) == 2
    assert "Too late" not in client.get("/worklist").text


def test_the_back_button_shows_a_form_whose_row_is_gone(app: Flask, database: Database, registry: Registry) -> None:
    """Another officer released it meanwhile; the page that was open long says who, and releases the rest."""
    (first, reference), (second, _) = waiting(database, registry, 2)
    client = sign_in(app, "officer.zx2")
    sent = form(client) | {"delivery": [first, second]}
    decided(database, registry, first, "released", "sending", "clinician.zx2")
    answer = client.post("/worklist/release", data=sent)
    assert answer.status_code == 422
    assert re.search(rf"{reference}: Too late: it was released by Clinician 2 Example \(ZX2\) on ", answer.text)
    assert [one.subject_id for one in commands(database)] == [second]


@pytest.mark.parametrize(
    ("first", "after", "act"),
    [
        ("refused", "refused", "release"),
        ("released", "sending", "refuse"),
        ("released", "sending", "reassign"),
        ("refused", "refused", "reassign"),
    ],
)
def test_of_two_at_once_the_later_reads_who_and_when(
    app: Flask, database: Database, registry: Registry, first: str, after: str, act: str
) -> None:
    ((only, _),) = waiting(database, registry)
    client = sign_in(app, "officer.zx2")
    sent = form(client) | {"delivery": only, "command": new_id(), "reason": "not ours", "worklist_id": "x"}
    decided(database, registry, only, first, after, "clinician.zx2")
    path = "/worklist/release" if act == "release" else f"/worklist/{only}/{act}"
    answer = client.post(path, data=sent)
    text = answer.text if answer.status_code == 422 else client.get("/worklist").text
    assert f"Too late: it was {first} by Clinician 2 Example (ZX2) on " in text
    assert commands(database) == []


def test_whoever_is_too_late_reads_who_decided_however_far_it_went_since(
    app: Flask, database: Database, registry: Registry
) -> None:
    ((only, reference),) = waiting(database, registry)
    client = sign_in(app, "officer.zx2")
    sent = form(client) | {"delivery": only, "command": new_id()}
    decided(database, registry, only, "released", "sending", "clinician.zx2")
    decided(database, registry, only, "sent", "sent", "", before="sending")
    decided(database, registry, only, "confirmed", "confirmed", "", before="sent")
    text = client.post("/worklist/release", data=sent).text
    assert f"{reference}: Too late: it was released by Clinician 2 Example (ZX2) on " in text


def test_a_refusal_tells_the_sender_why(app: Flask, database: Database, registry: Registry) -> None:
    ((only, _),) = waiting(database, registry)
    client = sign_in(app, "officer.zx2")
    sent = form(client) | {"command": new_id()}
    wrong = client.post(f"/worklist/{only}/refuse", data=sent | {"reason": " "})
    assert wrong.status_code == 422
    assert wrong.text.count("Give a reason") == 2
    assert re.search(r"<details[^>]* open>", wrong.text), "the part with the mistake is unfolded"
    assert client.post(f"/worklist/{only}/refuse", data=sent | {"reason": "Not for us."}).status_code == 303
    assert [(one.kind, one.payload) for one in commands(database)] == [("refuse-delivery", {"reason": "Not for us."})]


def test_it_is_reassigned_to_another_worklist_of_one_s_own(app: Flask, database: Database, registry: Registry) -> None:
    ((only, _),) = waiting(database, registry)
    client = sign_in(app, "officer.zx2")
    assert "Reassign" not in client.get("/worklist").text, "there is no other"
    with database.begin() as session:
        neuro = Worklist(
            institution_id="ZX2", name="Neuroradiology", node_id=registry.nodes["ZX2_PACS"], is_default=False
        )
        session.add(neuro)
        session.flush()
        other = neuro.id
    sent = form(client) | {"command": new_id()}
    for wrong in (registry.worklists["ZX3"], registry.worklists["ZX2"], ""):
        assert client.post(f"/worklist/{only}/reassign", data=sent | {"worklist_id": wrong}).status_code == 422
    assert client.post(f"/worklist/{only}/reassign", data=sent | {"worklist_id": other}).status_code == 303
    assert [(one.kind, one.payload) for one in commands(database)] == [("reassign-delivery", {"worklist_id": other})]
    assert "Nothing waits for release on this worklist" in client.get(f"/worklist?worklist={other}").text
    assert client.get(f"/worklist?worklist={registry.worklists['ZX3']}").status_code == 404


def test_nothing_of_another_institution(app: Flask, database: Database, registry: Registry) -> None:
    ((only, reference),) = waiting(database, registry)
    for person in ("officer.zx1", "officer.zx3"):
        client = sign_in(app, person)
        text = client.get("/worklist").text
        assert reference not in text
        assert "Nothing waits for release; what comes is told by mail too." in text
        token = field_of(client.get("/held").text, "csrf_token")
        sent = {
            "csrf_token": token,
            "command": new_id(),
            f"command-{only}": new_id(),
            "delivery": only,
            "reason": "No more.",
        }
        for path in ("/worklist/release", f"/worklist/{only}/refuse", f"/worklist/{only}/reassign"):
            assert client.post(path, data=sent).status_code == 404, path
    assert commands(database) == []


def test_it_is_for_those_who_release(app: Flask, database: Database, registry: Registry) -> None:
    waiting(database, registry)
    for person in ("clinician.zx2", "support.zx2"):
        client = sign_in(app, person)
        assert client.get("/worklist").status_code == 403
        assert 'href="/worklist"' not in client.get("/").text
