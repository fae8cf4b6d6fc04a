"""The page of a Node: what it last did well, what waits for it and since when, and its planned downtime."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from models.db import Database
from models.tables import Delivery, Node, OutboxCommand, now
from tests.database import Registry
from tests.web.portal import Gateway, make, send, sign_in
from tests.web.seeded import Seed

LONDON = ZoneInfo("Europe/London")


@pytest.fixture
def page(registry: Registry) -> str:
    return f"/nodes/{registry.nodes['ZX2_PACS']}"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


@pytest.fixture
def officer(app: Flask) -> FlaskClient:
    return sign_in(app, "officer.zx2")


def set_node(database: Database, page: str, **columns: object) -> None:
    with database.begin() as session:
        node = session.get_one(Node, page.rpartition("/")[2])
        for column, value in columns.items():
            setattr(node, column, value)


def words(text: str) -> str:
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def local(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%Y-%m-%dT%H:%M}"


def test_last_good_echo_and_store_are_told_apart(officer: FlaskClient, database: Database, page: str) -> None:
    new = words(officer.get(page).text)
    assert "Last good echo never Last good store never" in new
    assert "has not answered the exchange yet; it is asked by itself within seconds." in new
    echo, store = (datetime(2026, 1, 3, hour, 2, 5, tzinfo=UTC) for hour in (14, 9))
    set_node(database, page, last_echo_at=echo, last_store_at=store)
    for shown in (page, "/nodes"):
        text = officer.get(shown).text
        assert "has not answered" not in text
        assert text.index('datetime="2026-01-03T14:02:05+00:00"') < text.index('datetime="2026-01-03T09:02:05+00:00"')


def test_what_waits_for_it_and_what_is_parked(
    app: Flask, officer: FlaskClient, database: Database, registry: Registry, page: str
) -> None:
    assert "Nothing waits for it, and nothing is parked." in officer.get(page).text
    with database.begin() as session:
        seed = Seed(session, registry)
        waits, parked, goes, done = (
            seed.delivery(state).reference for state in ("sending", "needs-attention", "sending", "confirmed")
        )
        first = session.scalars(
            select(Delivery).where(Delivery.state == "sending").order_by(Delivery.created_at)
        ).first()
        assert first is not None
        # Its last attempt, which each further one moves on; it has been on its way for longer.
        first.waiting_since = now()
    shown = officer.get(page).text
    assert re.search(r"Waiting for it 1, the oldest for \d+ (min|h)", words(shown))
    assert re.search(r"Parked 1, the oldest for \d+ (min|h)", words(shown))
    listed = set(re.findall(r"T-[A-Z0-9]{4}-[A-Z0-9]{3}", shown))
    assert parked in listed
    assert len(listed & {waits, goes}) == 1
    assert done not in listed
    for whoever in ("officer.zx2", "support.zx3"):
        rows = words(sign_in(app, whoever).get("/nodes").text)
        assert re.search(r"1 waiting, the oldest for \d+ (min|h)", rows)
    assert sign_in(app, "officer.zx1").get(page).status_code == 404


def test_how_it_is_sent_to(officer: FlaskClient, database: Database, page: str) -> None:
    assert "Rate no limit" in words(officer.get(page).text)
    set_node(database, page, rate=2.5, bulk_window="19:00-07:00", dscp_urgent=46)
    shown = words(officer.get(page).text)
    for setting in ("Rate 2.5 images a second", "Hours for bulk 19:00-07:00", "DSCP of the urgent lane 46"):
        assert setting in shown
    assert "Slots kept for urgent 1" in shown


def test_its_tls_and_the_step_that_fails_are_said(officer: FlaskClient, database: Database, page: str) -> None:
    assert "by TLS" not in words(officer.get(page).text)
    why = "The certificate of ZX2_PACS has expired; let its people renew it."
    set_node(database, page, tls="certificate", last_fault=why, last_fault_step="tls", last_fault_at=now())
    set_node(database, page, preferred_syntaxes=["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.1"])
    shown = words(officer.get(page).text)
    assert f"{why} Fails at TLS. Well before that: the name of its host, the connection (TCP)." in shown
    assert "by TLS" in shown
    assert "TLS on; checked by its registered certificate" in shown
    assert "Preferred transfer syntaxes JPEG 2000 Lossless, Explicit VR Little Endian" in shown


def test_an_officer_plans_a_downtime(officer: FlaskClient, database: Database, page: str) -> None:
    begins, ends = (now() + timedelta(hours=hours) for hours in (24, 26))
    answer = send(officer, page, f"{page}/plan-downtime", begins=local(begins), ends=local(ends), work="upgrade")
    assert answer.status_code == 303
    assert "Planned. Nothing is sent to it until" in officer.get(page).text
    with database.begin() as session:
        command = session.scalars(select(OutboxCommand)).one()
        assert (command.kind, command.payload["work"]) == ("plan-downtime", "upgrade")
        for name, at in (("begins", begins), ("ends", ends)):
            assert datetime.fromisoformat(command.payload[name]) == at.replace(second=0, microsecond=0)


def test_without_a_beginning_it_begins_now(officer: FlaskClient, database: Database, page: str) -> None:
    assert send(officer, page, f"{page}/plan-downtime", ends=local(now() + timedelta(hours=1))).status_code == 303
    with database.begin() as session:
        command = session.scalars(select(OutboxCommand)).one()
        assert abs(datetime.fromisoformat(command.payload["begins"]) - command.created_at) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"ends": ""}, "Give a day and a time"),
        ({"ends": "tomorrow"}, "Give a day and a time"),
        ({"ends": "2020-01-01T10:00"}, "The end has passed"),
        ({"begins": "2999-01-01T10:00", "ends": "2999-01-01T11:00"}, "more than 90 days"),
    ],
)
def test_times_that_cannot_be_are_said_beside_them(
    officer: FlaskClient, database: Database, page: str, entries: dict[str, str], sentence: str
) -> None:
    answer = send(officer, page, f"{page}/plan-downtime", **entries)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "<details" in answer.text
    assert all(f'value="{typed}"' in answer.text for typed in entries.values() if typed), "what was typed is kept"
    with database.begin() as session:
        assert session.scalars(select(OutboxCommand)).all() == []


def test_one_that_lasts_says_until_when_and_is_ended_early(
    officer: FlaskClient, database: Database, registry: Registry, page: str
) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("sending").reference
    ends = now().astimezone(LONDON).replace(hour=18, minute=0) + timedelta(days=1)
    set_node(database, page, state="in-downtime", planned_from=now(), planned_until=ends, planned_work="work")
    until = f"{ends.day} {ends:%b}, 18:00"
    said = f"ZX2_PACS is down for planned work until {until}; it goes on by itself then."
    for shown in (page, "/nodes", "/", f"/transactions/{reference}"):
        assert said in words(officer.get(shown).text), shown
    assert f'action="{page}/test"' not in officer.get(page).text
    assert send(officer, page, f"{page}/plan-downtime", ends=local(ends + timedelta(hours=1))).status_code == 303
    assert send(officer, page, f"{page}/resume").status_code == 303
    with database.begin() as session:
        kinds = [one.kind for one in session.scalars(select(OutboxCommand).order_by(OutboxCommand.created_at))]
    assert kinds == ["plan-downtime", "resume-node"]


def test_what_is_planned_is_shown_and_cancelled(officer: FlaskClient, database: Database, page: str) -> None:
    assert f'action="{page}/cancel-downtime"' not in officer.get(page).text
    begins = now() + timedelta(hours=1)
    set_node(database, page, planned_from=begins, planned_until=begins + timedelta(hours=1), planned_work="network")
    assert "for work on its network" in officer.get(page).text
    assert send(officer, page, f"{page}/cancel-downtime").status_code == 303
    set_node(database, page, planned_from=now() - timedelta(hours=2), planned_until=now() - timedelta(hours=1))
    assert "Planned downtime" not in officer.get(page).text, "what is past is no plan"


def test_only_who_may_hold_it_plans(app: Flask, page: str) -> None:
    for whoever, status in (("officer.zx1", 404), ("clinician.zx2", 403)):
        client = sign_in(app, whoever)
        token = re.search(r'name="csrf_token" value="([^"]*)"', client.get("/").text)
        assert token
        given = {"csrf_token": token[1], "command": "0" * 32, "ends": local(now() + timedelta(hours=1))}
        assert client.post(f"{page}/plan-downtime", data=given).status_code == status
    assert f'action="{page}/plan-downtime"' in sign_in(app, "support.zx3").get(page).text
