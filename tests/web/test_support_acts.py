"""Acts of support: with a reason, a second person, and an owner; disclosures, and what all users are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from models.db import Database
from models.domain.trouble import Trouble, Troubled
from models.tables import (
    AuditEntry,
    Banner,
    Candidate,
    Contact,
    Delivery,
    Disclosure,
    OutboxCommand,
    ShiftNote,
    SupportAct,
    now,
)
from tests.database import Registry
from tests.web.portal import Gateway, field_of, send, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_request
from tests.web.support_desk import Recovery, app, count, gateway, look_for, parked, part_of, recovery, send_plain

__all__ = ["app", "gateway", "parked", "recovery"]

# Acts


def test_without_an_act_nobody_has_looked_at_one(app: Flask) -> None:
    text = sign_in(app, "officer.zx1").get("/support-acts").text
    assert "There were no acts of support." in text
    assert "has been looked at" not in text


def test_a_double_click_runs_it_again_once(app: Flask, database: Database, gateway: Gateway, parked: str) -> None:
    client = sign_in(app, "support.zx3")
    workflow_id = f"delivery-{part_of(database, parked, Delivery)}"
    token, command = (field_of(client.get(f"/support/{parked}").text, name) for name in ("csrf_token", "command"))
    form = {"csrf_token": token, "command": command, "workflow_id": workflow_id, "reason": "It hangs."}
    for _ in range(2):
        answer = client.post(f"/support/{parked}/run-again", data=form)
        assert answer.headers["Location"] == f"/support/{parked}"
    with database.begin() as session:
        asked = session.scalars(select(OutboxCommand)).one()
        assert (asked.kind, asked.subject_id, asked.payload) == ("run-again", workflow_id, {"reason": "It hangs."})
        assert session.scalars(select(SupportAct.done_at)).one() is not None
        assert session.scalar(select(func.count()).where(AuditEntry.act == "asked.run-again")) == 1
    page = client.get(f"/support/{parked}").text
    assert "It runs again. What it waited for it still waits for" in page
    assert "Support: run again." in page
    assert "It hangs." in page


def test_no_act_without_a_reason(app: Flask, database: Database, parked: str) -> None:
    client = sign_in(app, "support.zx3")
    workflow_id = f"delivery-{part_of(database, parked, Delivery)}"
    for action, more in (
        ("run-again", {"workflow_id": workflow_id}),
        ("resend", {}),
        ("abandon", {}),
        ("disclose", {}),
    ):
        for given in (" ", "x", "12345."):
            answer = send(client, f"/support/{parked}", f"/support/{parked}/{action}", reason=given, **more)
            assert answer.status_code == 422, (action, given)
            assert "Give a reason" in answer.text
    assert count(database, OutboxCommand) == count(database, Disclosure) == 0


def test_only_its_own_parts_are_run_again_from_a_page(
    app: Flask, database: Database, registry: Registry, parked: str
) -> None:
    with database.begin() as session:
        other = Seed(session, registry).delivery("sending").reference
    workflow_id = f"delivery-{part_of(database, other, Delivery)}"
    client = sign_in(app, "support.zx3")
    answer = send(
        client, f"/support/{parked}", f"/support/{parked}/run-again", workflow_id=workflow_id, reason="It hangs."
    )
    assert answer.status_code == 422
    assert count(database, OutboxCommand) == 0


def test_a_chosen_list_is_run_again(
    app: Flask, database: Database, registry: Registry, recovery: Recovery, gateway: Gateway
) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        references = [seed.delivery("sending").reference for _ in range(3)]
    ids = [f"delivery-{part_of(database, reference, Delivery)}" for reference in references]
    recovery.troubled = tuple(Troubled(one, Trouble.FAILED, now()) for one in ids)
    client = sign_in(app, "support.zx3")
    text = client.get("/support").text
    form = {name: field_of(text, name) for name in ("csrf_token", "command")}
    for _ in range(2):
        client.post("/support/run-again", data={**form, "workflow_id": ids[:2], "reason": "After the outage."})
    with database.begin() as session:
        assert sorted(session.scalars(select(OutboxCommand.subject_id))) == sorted(ids[:2])
    assert "2 run again" in client.get("/support").text
    nobody = client.post("/support/run-again", data={**form, "workflow_id": "delivery-x", "reason": "No more."})
    assert nobody.status_code == 404


def test_what_is_missing_is_sent_again(app: Flask, database: Database, parked: str) -> None:
    client = sign_in(app, "support.zx3")
    send(client, f"/support/{parked}", f"/support/{parked}/resend", reason="The class is registered there now.")
    with database.begin() as session:
        asked = session.scalars(select(OutboxCommand)).one()
        assert asked.kind == "retry-delivery"
        assert asked.subject_id == session.scalars(select(Delivery.id)).one()


@pytest.mark.parametrize(("state", "seen"), [("sent", {"seen": "sent"}), ("sending", {})])
def test_what_support_saw_goes_to_the_engine(
    app: Flask, database: Database, registry: Registry, state: str, seen: dict[str, str]
) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery(state).reference
    client, path = sign_in(app, "support.zx3"), f"/support/{reference}"
    text = client.get(path).text
    form = text[text.index(f'action="{path}/abandon"') :]
    given = {name: field_of(form, name) for name in ("csrf_token", "command", "seen")}
    assert client.post(f"{path}/abandon", data=given | {"reason": "It goes on a disc."}).status_code == 303
    with database.begin() as session:
        assert session.scalars(select(OutboxCommand)).one().payload == {"reason": "It goes on a disc.", **seen}


def test_a_held_study_is_matched_again_with_what_was_asked_since(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).arrival("held").reference
    client, path = sign_in(app, "support.zx3"), f"/support/{reference}"
    send(client, path, f"{path}/match-again", reason="The requester rang.")
    assert "It fits nothing" in client.get(path).text
    with database.begin() as session:
        add_request(session, registry, descriptions=("CT head",))
    form = {name: field_of(client.get(path).text, name) for name in ("csrf_token", "command")}
    for _ in range(2):
        client.post(f"{path}/match-again", data=form | {"reason": "Now it is asked for."})
    page = client.get(path).text
    assert "It may be a study asked for; the source chooses." in page
    assert page[page.index("What happened") :].count("Support: match again.") == 2
    assert count(database, Candidate) == 1
    assert "Agnes" not in page


# Disclosure


def test_a_patient_is_shown_for_a_reason_and_for_half_an_hour(app: Flask, database: Database, parked: str) -> None:
    client = sign_in(app, "support.zx3")
    send(client, f"/support/{parked}", f"/support/{parked}/disclose", reason="Two patients of one name.")
    assert "EXAMPLE, Agnes" in client.get(f"/support/{parked}").text
    for other in ("/support", f"/transactions/{parked}", "/transactions", "/support-acts"):
        assert "Agnes" not in client.get(other).text, other
    assert "Agnes" not in sign_in(app, "support.zx1").get(f"/support/{parked}").text, (
        "another person gives a reason too"
    )
    with database.begin() as session:
        assert session.scalars(select(AuditEntry).where(AuditEntry.act == "support.disclosed")).one()
        session.execute(update(Disclosure).values(until=now()))
    assert "Agnes" not in client.get(f"/support/{parked}").text


def test_the_institution_s_officer_reads_who_looked_and_ticks_it_off(
    app: Flask, database: Database, parked: str
) -> None:
    client = sign_in(app, "support.zx3")
    send(client, f"/support/{parked}", f"/support/{parked}/disclose", reason="Two patients of one name.")
    officer = sign_in(app, "officer.zx1")
    page = officer.get("/support-acts").text
    assert "Two patients of one name." in page
    assert "Support 3 Example" in page
    with database.begin() as session:
        rows = {row.institution_id: row.id for row in session.scalars(select(Disclosure))}
    token = field_of(page, "csrf_token")
    assert officer.post(f"/support-acts/{rows['ZX2']}/seen", data={"csrf_token": token}).status_code == 404
    assert officer.post(f"/support-acts/{rows['ZX1']}/seen", data={"csrf_token": token}).status_code == 303
    with database.begin() as session:
        assert {row.institution_id for row in session.scalars(select(Disclosure)) if row.seen_at} == {"ZX1"}
    assert "Two patients" not in sign_in(app, "officer.zx3").get("/support-acts").text


# Telling


def test_a_banner_is_read_on_every_page_until_it_is_taken_away(app: Flask, database: Database, parked: str) -> None:
    support, officer = sign_in(app, "support.zx3"), sign_in(app, "officer.zx1")
    send_plain(support, "/support/banner", text="ZX2's PACS is serviced until 06:00; what is for it waits.")
    told = 'role="status"><p class="nhsuk-width-container">ZX2&#39;s PACS is serviced until 06:00'
    for page in ("/", "/transactions", f"/transactions/{parked}", "/held", "/nodes"):
        assert told in officer.get(page).text, page
    assert told in app.test_client().get("/sign-in").text
    send_plain(support, "/support/banner", text="All is well again.")
    assert "serviced" not in officer.get("/").text
    send_plain(support, "/support/banner/clear")
    assert "All is well again." not in officer.get("/").text
    with database.begin() as session:
        assert all(row.cleared_at for row in session.scalars(select(Banner)))


def test_handing_over_names_an_owner_whose_list_shows_it(app: Flask, database: Database, parked: str) -> None:
    client = sign_in(app, "support.zx3")
    path = f"/support/{parked}"
    send(client, path, f"{path}/note", to="ZX2", text="Please register the class at your PACS.")
    assert "handed over to <strong>ZX2</strong>" in client.get(path).text
    assert "Please register the class" in sign_in(app, "officer.zx2").get("/support-acts").text
    assert "Please register the class" not in sign_in(app, "officer.zx1").get("/support-acts").text
    assert send(client, path, f"{path}/note", to="ZX3", text="x").status_code == 422
    send(client, "/support", "/support/notes", text="The night was quiet.")
    assert "The night was quiet." in client.get("/support").text
    assert count(database, ShiftNote) == 2


def test_who_is_on_call_now_is_told_first(app: Flask, database: Database, parked: str) -> None:
    client = sign_in(app, "support.zx3")
    local = datetime.now(UTC)
    for name, began, hours in (("Ann Oncall", -1, 2), ("Bob Later", 5, 9)):
        span = [f"{local + timedelta(hours=at):%Y-%m-%dT%H:%M}+00:00" for at in (began, hours)]
        answer = send(
            client, "/support", "/support/contacts", institution_id="zx2", name=name, duty="PACS on call",
            phone="01632 960099", on_call_from=span[0], on_call_to=span[1],
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
    page = client.get(f"/support/{parked}").text
    assert page.index("Ann Oncall") < page.index("Royal Example")
    assert page.count("on call now") == 1
    for number in ("01632-960099", "+44 1632 960099", "+44 (0)1632 960099"):
        assert "Ann Oncall" in look_for(client, sought=number).text, number
    wrong = send(
        client, "/support", "/support/contacts", institution_id="zx2", name="C", phone="1", on_call_from="noon"
    )
    assert wrong.status_code == 422
    with database.begin() as session:
        bob = session.scalars(select(Contact.id).where(Contact.name == "Bob Later")).one()
    send_plain(client, f"/support/contacts/{bob}/remove")
    assert "Bob Later" not in client.get("/support").text
