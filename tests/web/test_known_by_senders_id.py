"""The worklist and a transaction's page know a patient again by the sender's ID, where no NHS number tells."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from models.db import Database
from models.domain.identity import PatientFacts
from models.tables import LocalPatient, SendersId, now
from tests.database import Registry
from tests.web.portal import make, sign_in
from tests.web.seeded import AGNES
from tests.web.test_pages import inspect
from tests.web.test_plans import heard
from tests.web.waiting import change, commands, release, waiting

ZARA = PatientFacts("QX100", "ZX1", "EXAMPLE^Zara", "19700304", "F")


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def learned(database: Database, sent_id: str = "QX100", patient_id: str = "LOC1x", **more: str) -> None:
    """As a release of whom ZX1 calls so has left it."""
    patient = {"PatientName": "EXAMPLE^Zara", "PatientBirthDate": "19700304"} | more
    with database.begin() as session:
        session.add(LocalPatient(institution_id="ZX2", patient_id=patient_id, learned_at=now(), **patient))
        session.add(
            SendersId(
                institution_id="ZX2", sender_id="ZX1", issuer="ZX1", sent_id=sent_id, patient_id=patient_id,
                learned_at=now(),
            )
        )  # fmt: skip


def read(client: FlaskClient, page: str) -> str:
    text = client.get(page).text
    inspect(text)
    return unescape(text)


def words(text: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", text).split())


def test_it_is_filled_in_and_said_by_which_id(app: Flask, database: Database, registry: Registry) -> None:
    ((only, _),) = waiting(database, registry, patient=ZARA)
    client = sign_in(app, "officer.zx2")
    assert "not known here yet" in read(client, "/worklist")
    learned(database)
    text = read(client, "/worklist")
    assert 'value="LOC1x"' in text
    assert "Known here for ZX1's QX100." in text
    assert "not known here yet" not in text
    assert "agrees: </span>EXAMPLE, Zara" in text
    assert "agrees: </span>4 March 1970" in text
    assert "this NHS number" not in text
    release(client, only)
    assert commands(database)[0].payload["patient_id"] == "LOC1x"


def test_what_only_that_record_knows_is_not_said_to_agree(app: Flask, database: Database, registry: Registry) -> None:
    waiting(database, registry, patient=ZARA)
    learned(database, nhs_number="9990000034")
    text = read(sign_in(app, "officer.zx2"), "/worklist")
    assert "999 000 0034 (not compared)" in words(text)


def test_so_says_its_page(app: Flask, database: Database, registry: Registry) -> None:
    ((only, reference),) = waiting(database, registry, patient=ZARA)
    learned(database)
    page, client = f"/transactions/{reference}", sign_in(app, "officer.zx2")
    text = read(client, page)
    assert 'name="patient_id" type="text" spellcheck="false" value="LOC1x"' in text
    assert "Known here for ZX1's QX100; ZX1 sent QX100" in text
    assert "ZX2 would file it under its own Patient ID, known here for ZX1's QX100, unless" in words(text)
    change(database, only, identity=None)
    assert 'value="LOC1x"' in read(client, page)
    assert "LOC1x" not in sign_in(app, "officer.zx1").get(page).text


@pytest.mark.parametrize(
    "patient",
    [
        replace(ZARA, PatientName="SAMPLE^Boris"),
        replace(ZARA, PatientName="EXAMPLE^Yara"),
        replace(ZARA, PatientID="Q"),
        replace(ZARA, PatientName=""),
        replace(ZARA, PatientBirthDate=""),
        replace(ZARA, IssuerOfPatientID=""),
    ],
    ids=["another person", "a twin", "another ID", "no name", "no birth date", "another issuer"],
)
def test_who_may_be_somebody_else_is_not_known(
    app: Flask, database: Database, registry: Registry, patient: PatientFacts
) -> None:
    ((_, reference),) = waiting(database, registry, patient=patient)
    learned(database)
    client = sign_in(app, "officer.zx2")
    for page in ("/worklist", f"/transactions/{reference}"):
        assert "LOC1x" not in client.get(page).text, page


def test_another_institution_knows_nobody_by_it(app: Flask, database: Database, registry: Registry) -> None:
    waiting(database, registry, patient=ZARA, destination="ZX3")
    waiting(database, registry, patient=ZARA, source="ZX3")
    learned(database)
    assert "LOC1x" not in sign_in(app, "officer.zx3").get("/worklist").text
    assert "LOC1x" not in sign_in(app, "officer.zx2").get("/worklist").text, "nor is ZX3's QX100 that of ZX1"


def test_the_nhs_number_comes_first(app: Flask, database: Database, registry: Registry) -> None:
    waiting(database, registry, patient=replace(AGNES, IssuerOfPatientID="ZX1"))
    learned(database, AGNES.PatientID, "LOC1", PatientName="EXAMPLE^Agnes", PatientBirthDate="19510203")
    client = sign_in(app, "officer.zx2")
    assert "Known here for ZX1's ZX1-0042." in read(client, "/worklist"), "it gives nothing yet"
    with database.begin() as session:
        session.add(LocalPatient(institution_id="ZX2", patient_id="LOC2", nhs_number="9990000018", learned_at=now()))
    text = read(client, "/worklist")
    assert 'value="LOC2"' in text
    assert "Known here for this NHS number." in text


def test_a_whole_page_is_one_look_up(app: Flask, database: Database, registry: Registry) -> None:
    waiting(database, registry, 3, patient=ZARA)
    waiting(database, registry, 3, patient=replace(ZARA, PatientID="QX200"))
    learned(database)
    client = sign_in(app, "officer.zx2")
    with heard(database) as said:
        text = client.get("/worklist").text
    assert text.count('value="LOC1x"') == 3
    assert sum("senders_id" in statement for statement, _ in said) == 1
