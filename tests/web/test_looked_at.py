"""What a release asks whoever enters identifiers, and the ticks by which somebody who has looked answers on the row."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from models.db import Database
from models.domain import identity
from models.local_accessions import ANOTHERS_ACCESSION
from models.local_patients import CALLED_OTHERWISE, NOTHING_SAYS
from models.tables import Delivery, LocalPatient, now
from tests.database import Registry
from tests.web.portal import Gateway, make, send, sign_in
from tests.web.seeded import Seed
from tests.web.test_pages import inspect
from tests.web.waiting import commands, release, waiting

SAME_PERSON, RIGHT = "I have looked: it is the same person", "I have looked: it is right"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


@pytest.fixture
def only(database: Database, registry: Registry) -> str:
    """The delivery that waits at ZX2."""
    ((delivery_id, _),) = waiting(database, registry)
    return delivery_id


def shown(client: FlaskClient) -> str:
    """The words of the worklist."""
    text = client.get("/worklist").text
    inspect(text)
    return " ".join(re.sub("<[^>]*>", "", text).split())


def went_before(database: Database, registry: Registry, patient_id: str, accession: str) -> str:
    """The reference of what went to ZX2 under these."""
    with database.begin() as session:
        one = Seed(session, registry).delivery("confirmed")
        delivery = session.scalars(select(Delivery).where(Delivery.transaction_id == one.id)).one()
        delivery.identity, delivery.released_at = asdict(identity.local(patient_id, accession, "ZX2")), now()
        return one.reference


def test_who_has_looked_says_whose_images_without_a_name_are(
    app: Flask, database: Database, gateway: Gateway, only: str
) -> None:
    with database.begin() as session:
        session.add(LocalPatient(institution_id="ZX2", patient_id="H123", PatientName="EXAMPLE^Anna", learned_at=now()))
    client = sign_in(app, "officer.zx2")
    gateway.answer = NOTHING_SAYS
    answer = release(client, only, **{f"patient_id-{only}": "H123"})
    assert "These images say too little to tell whether they are of the person" in answer.text
    assert f"H123 is known here for EXAMPLE, Anna. {SAME_PERSON}" in shown(client)
    gateway.answer = ""
    tick = {f"same_person-{only}": "H123"}
    assert "The tick is for H123" in release(client, only, **{f"patient_id-{only}": "H300"} | tick).text
    assert release(client, only, **tick).status_code == 303, "what was entered still stands there"
    assert [one.payload.get("same_person") for one in commands(database)] == [None, "H123"]


def test_whom_only_the_own_pacs_knows_is_not_said_to_be_called_otherwise(
    app: Flask, gateway: Gateway, only: str
) -> None:
    client = sign_in(app, "officer.zx2")
    gateway.answer = NOTHING_SAYS
    release(client, only, **{f"patient_id-{only}": "H123"})
    assert f"H123 is known in your PACS for somebody. {SAME_PERSON}" in shown(client)


def test_who_has_looked_says_that_an_accession_number_is_right(
    app: Flask, database: Database, registry: Registry, gateway: Gateway, only: str
) -> None:
    before, client = went_before(database, registry, "H1", "B7"), sign_in(app, "officer.zx2")
    assert RIGHT not in shown(client)
    gateway.answer = ANOTHERS_ACCESSION
    answer = release(client, only, **{f"patient_id-{only}": "H2", f"accession-{only}": "b7"})
    assert answer.status_code == 422
    assert f'id="accession-{only}-error"' in answer.text, "at the input that is to be put right"
    assert f'id="patient_id-{only}-error"' not in answer.text
    assert f"Accession Number b7 went with a study of H1 in {before}. {RIGHT}" in shown(client)
    assert SAME_PERSON not in shown(client)
    gateway.answer = ""
    tick = {f"right_accession-{only}": "b7"}
    other = release(client, only, **{f"accession-{only}": "B8"} | tick)
    assert "The tick is for b7; take it out, or enter b7." in other.text
    assert f'id="right_accession-{only}" name="right_accession-{only}" value="b7" checked' in other.text
    assert release(client, only, **tick).status_code == 303, "what was entered still stands there"
    asked = [(one.payload["accession"], one.payload.get("right_accession")) for one in commands(database)]
    assert asked == [("b7", None), ("b7", "b7")]


def test_a_tick_that_was_not_all_can_be_made_again(
    app: Flask, database: Database, registry: Registry, gateway: Gateway, only: str
) -> None:
    went_before(database, registry, "H1", "B7")
    client = sign_in(app, "officer.zx2")
    gateway.answer = CALLED_OTHERWISE
    release(client, only, **{f"patient_id-{only}": "H2", f"accession-{only}": "B7"})
    gateway.answer = ANOTHERS_ACCESSION
    same_person = {f"same_person-{only}": "H2"}
    release(client, only, **same_person)
    assert SAME_PERSON in shown(client)
    assert RIGHT in shown(client)
    gateway.answer = ""
    assert release(client, only, **same_person, **{f"right_accession-{only}": "B7"}).status_code == 303
    last = commands(database)[-1].payload
    assert (last["same_person"], last["right_accession"]) == ("H2", "B7")
    assert SAME_PERSON not in shown(client), "nothing is asked any more"


def test_what_was_entered_on_its_own_page_is_ticked_on_the_worklist(
    app: Flask, database: Database, registry: Registry, gateway: Gateway
) -> None:
    ((_, reference),) = waiting(database, registry)
    before = went_before(database, registry, "H1", "B7")
    gateway.answer = ANOTHERS_ACCESSION
    client, page = sign_in(app, "officer.zx2"), f"/transactions/{reference}"
    assert send(client, page, f"{page}/release", patient_id="H2", accession="B7").status_code == 303
    assert "tick on your worklist that it is right" in client.get(page).text
    assert f"in {before}. {RIGHT}" in shown(client)
