"""Decisions: saved first, tried at once, done once; wrong entries and late steps change nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.tables import AuditEntry, Delivery, Node, OutboxCommand, Transaction, new_id, now
from temporal.gateway import SAVED
from tests.database import Registry
from tests.web.portal import Gateway, field_of, make, send, sign_in
from tests.web.seeded import Seed
from web.times import with_local_times


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


def seeded(database: Database, registry: Registry, state: str, **changes: Any) -> str:
    with database.begin() as session:
        reference = Seed(session, registry).delivery(state).reference
        for name, value in changes.items():
            setattr(session.scalars(select(Delivery)).one(), name, value)
        return reference


def on_worklist(registry: Registry) -> dict[str, str]:
    """What goes with a decision about what waits on the one worklist of ZX2."""
    return {"seen": f"on-worklist:{registry.worklists['ZX2']}"}


def commands(database: Database) -> list[OutboxCommand]:
    with database.begin() as session:
        return list(session.scalars(select(OutboxCommand).order_by(OutboxCommand.created_at)))


def test_a_release_is_saved_with_its_audit_entry_and_tried(
    app: Flask, database: Database, registry: Registry, gateway: Gateway
) -> None:
    page = f"/transactions/{seeded(database, registry, 'on-worklist', identity=None)}"
    client = sign_in(app, "officer.zx2")
    answer = send(client, page, f"{page}/release", patient_id=" L-77 ", accession="B9")
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    (command,) = commands(database)
    assert (command.kind, command.payload) == (
        "release-delivery",
        {"patient_id": "L-77", "accession": "B9", **on_worklist(registry)},
    )
    assert (command.institution_id, command.actor) == ("ZX2", registry.accounts["officer.zx2"])
    assert gateway.tried == [command.id]
    with database.begin() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "asked.release-delivery")).one()
    assert "L-77" not in str(entry.facts), "the audit names no patient"
    assert "<p>Released.</p>" in client.get(page).text


def test_identifiers_that_were_found_are_kept(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{seeded(database, registry, 'on-worklist')}"
    client = sign_in(app, "officer.zx2")
    assert ">999 000 0018</strong>, the patient&#39;s NHS number" in client.get(page).text
    send(client, page, f"{page}/release", filing="as-it-is", patient_id="", accession="")
    assert [command.payload for command in commands(database)] == [on_worklist(registry)]


@pytest.mark.parametrize(
    ("patient_id", "accession", "words"),
    [
        ("", "", "Enter your own Patient ID"),
        ("x" * 65, "", "64 characters at most; this has 65"),
        ("a\\b", "", "may not contain a backslash"),
        ("*", "", "may not contain a backslash, * or ?"),
        ("B\u0661\u0660\u0660", "", "Type the Patient ID with the letters A to Z, the digits 0 to 9"),
        ("\uff33\uff21\uff2d\uff251", "", "Type the Patient ID with the letters A to Z, the digits 0 to 9"),
        ("S\u0410ME1", "", "Type the Patient ID with the letters A to Z, the digits 0 to 9"),
        ("SAME1", "\uff21C1", "Type the Accession Number with the letters A to Z, the digits 0 to 9"),
        ("A1", "RX?", "may not contain a backslash, * or ?"),
        ("a\x01b", "", "may not contain a backslash"),
        ("L-77", "y" * 17, "16 characters at most; this has 17"),
    ],
)
def test_a_wrong_entry_is_shown_again(
    app: Flask, database: Database, registry: Registry, patient_id: str, accession: str, words: str
) -> None:
    page = f"/transactions/{seeded(database, registry, 'on-worklist', identity=None)}"
    answer = send(sign_in(app, "officer.zx2"), page, f"{page}/release", patient_id=patient_id, accession=accession)
    assert answer.status_code == 422
    assert answer.text.count(words) == 2, "in the summary and at its field"
    assert accession[:5] in answer.text, "what was typed is not lost"
    assert commands(database) == []


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        *((entry, "Give a reason") for entry in ("", "  ", "x" * 501, "x")),
        *((entry, "Do not name the patient") for entry in ("It is 999 000 0018, not him.", "Of 9990000018")),
    ],
)
def test_a_refusal_needs_a_reason(app: Flask, database: Database, registry: Registry, reason: str, said: str) -> None:
    page = f"/transactions/{seeded(database, registry, 'on-worklist')}"
    answer = send(sign_in(app, "officer.zx2"), page, f"{page}/refuse", reason=reason)
    assert answer.status_code == 422
    assert said in answer.text.partition("There is a problem")[2]
    assert commands(database) == []


def test_a_double_click_is_one_command(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{seeded(database, registry, 'on-worklist')}"
    client = sign_in(app, "officer.zx2")
    text = client.get(page).text
    form = {name: field_of(text, name) for name in ("csrf_token", "command")} | {"filing": "as-it-is"}
    assert client.post(f"{page}/release", data=form).status_code == 303
    with database.begin() as session:
        for row in (session.scalars(select(Transaction)).one(), session.scalars(select(Delivery)).one()):
            row.state = "sending"
    assert client.post(f"{page}/release", data=form).status_code == 303
    assert len(commands(database)) == 1
    assert "Too late" not in client.get(page).text


def test_a_token_is_no_key_to_another_command(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{seeded(database, registry, 'on-worklist')}"
    client = sign_in(app, "officer.zx2")
    send(client, page, f"{page}/release", filing="as-it-is")
    (command,) = commands(database)
    token = field_of(client.get(page).text, "csrf_token")
    form = {"csrf_token": token, "command": command.id, "reason": "No more."}
    assert client.post(f"{page}/refuse", data=form).status_code == 400
    for wrong in ("", "x" * 32, "A" * 32, new_id() + "0"):
        answer = client.post(f"{page}/refuse", data=form | {"command": wrong})
        assert answer.status_code == 400


def test_the_later_of_two_people_reads_who_was_first(
    app: Flask, database: Database, registry: Registry, gateway: Gateway
) -> None:
    page = f"/transactions/{seeded(database, registry, 'needs-attention')}"
    first = registry.accounts["officer.zx1"]
    gateway.answer = f"Too late: it was retried by {first} at 04:05 UTC and is now sending."
    client = sign_in(app, "officer.zx2")
    send(client, page, f"{page}/abandon", reason="on a disc")
    text = client.get(page).text
    at = with_local_times("04:05 UTC", "Europe/London", now())
    assert f"Too late: it was retried by Officer 1 Example (ZX1) at {at} and is now sending." in text
    assert first not in text


def test_without_the_engine_it_is_saved(app: Flask, database: Database, registry: Registry, gateway: Gateway) -> None:
    page = f"/transactions/{seeded(database, registry, 'needs-attention')}"
    gateway.answer = SAVED
    client = sign_in(app, "officer.zx1")
    send(client, page, f"{page}/retry")
    assert SAVED in client.get(page).text


def test_a_step_that_is_too_late_is_not_asked(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{seeded(database, registry, 'confirmed')}"
    client = sign_in(app, "officer.zx2")
    token = field_of(client.get(page).text, "csrf_token")
    answer = client.post(f"{page}/abandon", data={"csrf_token": token, "command": new_id(), "reason": "No more."})
    assert answer.status_code == 303
    text = client.get(page).text
    assert re.search(r"Too late: it was released by [^.]+ on [^.]+\. Confirmed: 6 of 6 are in ZX2_PACS", text)
    assert commands(database) == []


def test_another_node_must_be_the_destination_s(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{seeded(database, registry, 'needs-attention')}"
    with database.begin() as session:
        other = Node(institution_id="ZX2", name="ZX2_ARCHIVE", ae_title="ZX2_ARCHIVE", host="127.0.0.1", port=11150)
        session.add(other)
        session.flush()
        other_id = other.id
    client = sign_in(app, "officer.zx2")
    assert send(client, page, f"{page}/redirect", node_id=registry.nodes["ZX3_PACS"]).status_code == 422
    assert send(client, page, f"{page}/redirect", node_id=other_id).status_code == 303
    assert [command.payload for command in commands(database)] == [{"node_id": other_id, "seen": "needs-attention"}]


def test_a_held_study_is_assigned_where_an_agreement_lets_it_go(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        page = f"/transactions/{Seed(session, registry).arrival('held').reference}"
    client = sign_in(app, "officer.zx1")
    assert "Royal Example (ZX2), Imaging" in client.get(page).text
    assert send(client, page, f"{page}/assign", worklist_id=registry.worklists["ZX1"]).status_code == 422
    assert send(client, page, f"{page}/assign", worklist_id=registry.worklists["ZX3"]).status_code == 303
    (command,) = commands(database)
    assert (command.kind, command.payload) == ("assign-arrival", {"worklist_id": registry.worklists["ZX3"]})


def test_a_node_is_tested_held_and_resumed(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/nodes/{registry.nodes['ZX2_PACS']}"
    client = sign_in(app, "officer.zx2")
    assert send(client, page, f"{page}/test").status_code == 303
    assert send(client, page, f"{page}/hold").status_code == 303
    with database.begin() as session:
        session.get_one(Node, registry.nodes["ZX2_PACS"]).state = "held"
    assert f'action="{page}/hold"' not in client.get(page).text
    assert send(client, page, f"{page}/resume").status_code == 303
    assert [command.kind for command in commands(database)] == ["report-node-fault", "hold-node", "resume-node"]


def test_a_form_that_another_site_sends_is_refused(app: Flask, database: Database, registry: Registry) -> None:
    page = f"/transactions/{seeded(database, registry, 'needs-attention')}"
    client = sign_in(app, "officer.zx2")
    text = client.get(page).text
    form = {name: field_of(text, name) for name in ("csrf_token", "command")}
    for site, code in (("cross-site", 403), ("same-site", 403), ("same-origin", 303)):
        assert client.post(f"{page}/retry", data=form, headers={"Sec-Fetch-Site": site}).status_code == code


def test_a_form_without_its_token_is_refused(app: Flask, database: Database, registry: Registry) -> None:
    reference = seeded(database, registry, "on-worklist")
    client = sign_in(app, "officer.zx2")
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or set()):
            path = rule.rule.replace("<reference>", reference).replace("<node_id>", registry.nodes["ZX2_PACS"])
            assert client.post(path, data={"command": new_id()}).status_code == 400, path
    assert commands(database) == []


def test_a_double_click_on_a_redirect_answers_like_the_first(
    app: Flask, database: Database, registry: Registry
) -> None:
    page = f"/transactions/{seeded(database, registry, 'needs-attention')}"
    with database.begin() as session:
        other = Node(institution_id="ZX2", name="ZX2_ARCHIVE", ae_title="ZX2_ARCHIVE", host="127.0.0.1", port=11222)
        session.add(other)
        session.flush()
        other_id = other.id
    client = sign_in(app, "officer.zx2")
    text = client.get(page).text
    form = {name: field_of(text, name) for name in ("csrf_token", "command")} | {"node_id": other_id}
    assert client.post(f"{page}/redirect", data=form).status_code == 303
    with database.begin() as session:
        session.scalars(select(Delivery)).one().node_id = other_id
    assert client.post(f"{page}/redirect", data=form).status_code == 303
    assert len(commands(database)) == 1
