"""The worklist says under which Patient ID other images of a study went, offers it, and asks who wants another."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.domain import identity
from models.filed_before import FILED_OTHERWISE
from models.tables import Delivery, now
from tests.database import Registry
from tests.web.portal import Gateway, make, send, sign_in
from tests.web.seeded import Seed
from tests.web.waiting import commands, release


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


def second_part(database: Database, registry: Registry, went_as: identity.SentIdentity) -> tuple[str, str]:
    """(delivery's id, reference) of images of a study, of which others went to the same Node before."""
    with database.begin() as session:
        seed = Seed(session, registry)
        first = seed.delivery("confirmed")
        before = session.scalars(select(Delivery).where(Delivery.transaction_id == first.id)).one()
        before.identity, before.released_at = asdict(went_as), now()
        second = seed.delivery("on-worklist", follows=first)
        waits = session.scalars(select(Delivery).where(Delivery.transaction_id == second.id)).one()
        return waits.id, second.reference


LOCAL = identity.local("Y1", "", "ZX2")


def test_it_is_said_and_filled_in(app: Flask, database: Database, registry: Registry) -> None:
    only, reference = second_part(database, registry, LOCAL)
    client = sign_in(app, "officer.zx2")
    for page in ("/worklist", f"/transactions/{reference}"):
        text = client.get(page).text
        assert re.search(r"Images of this study went to ZX2_PACS under <[^>]*>Y1<", text), page
        assert 'value="Y1"' in text, page
    release(client, only)
    assert commands(database)[0].payload["patient_id"] == "Y1"
    for username in ("officer.zx1", "support.zx2"):
        assert ">Y1<" not in sign_in(app, username).get(f"/transactions/{reference}").text


def test_what_goes_so_by_itself_is_left_empty(app: Flask, database: Database, registry: Registry) -> None:
    only, _ = second_part(
        database, registry, identity.SentIdentity("9990000018", "NHS", "A1000042", "ZX1", "the NHS number")
    )
    client = sign_in(app, "officer.zx2")
    assert "999 000 0018, as images of this study went." in client.get("/worklist").text
    release(client, only)
    assert "patient_id" not in commands(database)[0].payload


def test_who_wants_another_says_so(app: Flask, database: Database, registry: Registry, gateway: Gateway) -> None:
    only, reference = second_part(database, registry, LOCAL)
    client = sign_in(app, "officer.zx2")
    gateway.answer = FILED_OTHERWISE
    answer = release(client, only, **{f"patient_id-{only}": "Y2"})
    assert answer.status_code == 422
    assert f"{reference}: {FILED_OTHERWISE}" in answer.text
    assert 'value="Y2"' in answer.text
    gateway.answer = ""
    release(client, only, **{f"patient_id-{only}": "Y2", f"under_another_id-{only}": "yes"})
    asked = [(one.payload["patient_id"], one.payload.get("under_another_id")) for one in commands(database)]
    assert asked == [("Y2", None), ("Y2", True)]


def test_so_says_its_page(app: Flask, database: Database, registry: Registry) -> None:
    _, reference = second_part(database, registry, LOCAL)
    page = f"/transactions/{reference}"
    client = sign_in(app, "officer.zx2")
    text = client.get(page).text
    fold = text[text.index("all the same</span>") :]
    assert 'name="under_another_id" value="yes"' in fold[: fold.index("</form>")]
    own = text[text.index('name="patient_id"') : text.index("all the same</span>")]
    assert 'type="checkbox" id="under_another_id"' in own
    send(client, page, f"{page}/release", filing="as-it-is", under_another_id="yes")
    assert commands(database)[0].payload["under_another_id"] is True


def test_a_study_that_came_at_once_is_asked_nothing(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        Seed(session, registry).delivery("on-worklist")
    text = sign_in(app, "officer.zx2").get("/worklist").text
    assert "Images of this study went" not in text
    assert "under_another_id" not in text
