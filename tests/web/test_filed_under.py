"""What a transaction's page says of the patient's identifiers on both sides."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.domain.identity import Basis
from models.tables import Delivery, LocalPatient, OutboxCommand, now
from tests.database import Registry
from tests.web.portal import make, send, sign_in
from tests.web.seeded import AGNES, Seed
from web.words import FILED


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


@pytest.mark.parametrize("basis", Basis)
def test_a_page_says_what_the_destination_files_it_under(
    app: Flask, database: Database, registry: Registry, basis: Basis
) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("confirmed").reference
        delivery = session.scalars(select(Delivery)).one()
        delivery.identity = dict(delivery.identity or {}, basis=basis.value)
    text = unescape(sign_in(app, "officer.zx2").get(f"/transactions/{reference}").text)
    assert f"ZX2 files it under {FILED[basis]}." in text


@pytest.mark.parametrize("state", ["sending", "sent", "needs-attention", "confirmed", "unverifiable", "abandoned"])
def test_what_is_there_is_said_to_be_filed(app: Flask, database: Database, registry: Registry, state: str) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery(state).reference
    text = unescape(sign_in(app, "officer.zx2").get(f"/transactions/{reference}").text)
    assert '<th scope="col">As ZX2 files it</th>' in text
    assert "ZX2 files it under the patient's NHS number." in text


def test_what_is_filed_otherwise_was_to_be_filed_so(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("differs-at-destination").reference
    text = unescape(sign_in(app, "officer.zx2").get(f"/transactions/{reference}").text)
    assert '<th scope="col">As ZX2 was to file it</th>' in text
    assert "ZX2 was to file it under the patient's NHS number." in text
    assert "would file" not in text
    assert "ZX2 files" not in text


@pytest.mark.parametrize("state", ["on-worklist", "refused"])
def test_what_is_not_there_is_not_said_to_be_filed(
    app: Flask, database: Database, registry: Registry, state: str
) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery(state).reference
    text = unescape(sign_in(app, "officer.zx2").get(f"/transactions/{reference}").text)
    assert "ZX2 would file it under" in text
    assert "ZX2 files it" not in text


def test_a_patient_id_that_is_missing_has_no_issuer(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        given = seed.delivery("on-worklist").reference
        missing = seed.delivery("on-worklist", patient=replace(AGNES, PatientID="")).reference
    client = sign_in(app, "officer.zx2")
    sent = re.compile(r'data-label="As sent">(.*?)</td>', re.DOTALL)
    shown = [
        re.sub(r"<[^>]*>", "", sent.findall(client.get(f"/transactions/{one}").text)[0]) for one in (given, missing)
    ]
    assert [words.split() for words in shown] == [["ZX1-0042", "ZX1"], ["none"]]


def test_its_page_offers_the_same_own_id_as_the_worklist(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("on-worklist").reference
        known = LocalPatient(institution_id="ZX2", patient_id="E900002", nhs_number="9990000018", learned_at=now())
        known.PatientName, known.PatientBirthDate = "EXAMPLE^Agnes", "19510203"
        session.add(known)
    client, page = sign_in(app, "officer.zx2"), f"/transactions/{reference}"
    text = unescape(client.get(page).text)
    assert 'name="patient_id" type="text" spellcheck="false" value="E900002"' in text
    assert "Known here for this NHS number; ZX1 sent" in text
    assert "It will be filed in" not in text
    assert "File it under 999 000 0018 all the same" in text
    assert re.search(r'data-label="As filed"><span><span class="iep-reference">E900002</span>', text)
    assert "ZX2 would file it under its own Patient ID, known here for this NHS number" in text
    assert "would file it under the patient" not in text
    assert "E900002" not in sign_in(app, "officer.zx1").get(page).text
    assert send(client, page, f"{page}/release", patient_id="E900002").status_code == 303
    with database.begin() as session:
        assert session.scalars(select(OutboxCommand)).one().payload["patient_id"] == "E900002"


def test_an_own_id_of_somebody_else_with_this_number_is_not_filled_in(
    app: Flask, database: Database, registry: Registry
) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("on-worklist").reference
        known = LocalPatient(institution_id="ZX2", patient_id="E900002", nhs_number="9990000018", learned_at=now())
        known.PatientName, known.PatientBirthDate = "SAMPLE^Boris", "19480809"
        session.add(known)
    client = sign_in(app, "officer.zx2")
    text = unescape(client.get("/worklist").text)
    assert "Not filled in: E900002, known here for this NHS number, is somebody else's." in text
    assert 'value="E900002"' not in text
    assert 'value="E900002"' not in unescape(client.get(f"/transactions/{reference}").text)
