"""The worklist says who went under the identifiers that waiting images carry, and asks whoever releases them so."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from models.db import Database
from models.domain.identity import PatientFacts
from models.filed_under import ANOTHER_WENT, CALLED_OTHERWISE_WENT
from models.local_patients import NOBODY_WAS_ASKED
from models.tables import Delivery, Transaction, now
from tests.database import Registry
from tests.web.portal import Gateway, make, sign_in
from tests.web.seeded import Seed
from tests.web.test_pages import inspect
from tests.web.waiting import commands, release

AGNES = PatientFacts("N1", "", "EXAMPLE^Agnes", "19510203", "F")
MARRIED = PatientFacts("N1", "", "NEWNAME^Agnes", "19510203", "F")
BORIS = PatientFacts("N1", "", "SAMPLE^Boris", "19480809", "M")
NEEDED = "Needed: N1, the sender's ID with its issuer, went with somebody else."
SAME_PERSON = "I have looked: it is the same person"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def client(database: Database, registry: Registry, gateway: Gateway) -> FlaskClient:
    return sign_in(make(database, gateway), "officer.zx2")


@pytest.fixture
def went(database: Database, registry: Registry) -> str:
    """The reference of what went to ZX2 of Agnes, under N1."""
    with database.begin() as session:
        one = Seed(session, registry).delivery("confirmed", patient=AGNES)
        delivery = session.scalars(select(Delivery).where(Delivery.transaction_id == one.id)).one()
        delivery.identity, delivery.released_at = carried("N1"), now()
        return one.reference


def carried(patient_id: str) -> dict[str, str]:
    return {
        "PatientID": patient_id,
        "IssuerOfPatientID": "ZX1",
        "AccessionNumber": "",
        "accession_issuer": "",
        "basis": "the sender's ID with its issuer",
    }


def comes(database: Database, registry: Registry, patient: PatientFacts) -> str:
    """The delivery of such a patient, which waits at ZX2 for its release."""
    with database.begin() as session:
        one = Seed(session, registry).delivery("on-worklist", patient=patient)
        delivery = session.scalars(select(Delivery).where(Delivery.transaction_id == one.id)).one()
        delivery.identity = carried(patient.PatientID)
        return delivery.id


def reference(database: Database, delivery_id: str) -> str:
    with database.begin() as session:
        return session.get_one(Transaction, session.get_one(Delivery, delivery_id).transaction_id).reference


def shown(client: FlaskClient) -> str:
    """The words of the worklist."""
    text = client.get("/worklist").text
    inspect(text)
    return " ".join(unescape(re.sub("<[^>]*>", "", text)).split())


def test_who_it_was_is_said_before_anybody_releases_it(
    client: FlaskClient, database: Database, registry: Registry, went: str
) -> None:
    page = f"/transactions/{reference(database, comes(database, registry, BORIS))}"
    assert "N1</span> went here with EXAMPLE, Agnes, born 3 February 1951, in " in client.get(page).text
    words = shown(client)
    assert f"N1 went here with EXAMPLE, Agnes, born 3 February 1951, in {went}." in words
    assert "Look in your PACS whose it is, then enter the ID under which you file this patient, or refuse it." in words
    assert NEEDED in words
    assert SAME_PERSON not in words, "that cannot be"


def test_somebody_who_has_looked_says_that_it_is_the_same(
    client: FlaskClient, database: Database, registry: Registry, went: str
) -> None:
    married = comes(database, registry, MARRIED)
    page = client.get(f"/transactions/{reference(database, married)}").text
    assert "that it is the same person, or enter the ID under which you file this patient." in page
    assert 'value="as-it-is"' not in page, "the tick stands on the worklist"
    assert f"N1 went here with EXAMPLE, Agnes, born 3 February 1951, in {went}. {SAME_PERSON}" in shown(client)
    tick = {f"same_person-{married}": "N1"}
    assert (
        "The tick is for N1; take it out, or enter N1."
        in release(client, married, **{f"patient_id-{married}": "H300"} | tick).text
    )
    assert release(client, married, **tick).status_code == 303
    assert [one.payload.get("same_person") for one in commands(database)] == ["N1"]


@pytest.mark.usefixtures("went")
def test_of_the_same_person_nothing_is_said(client: FlaskClient, database: Database, registry: Registry) -> None:
    comes(database, registry, AGNES)
    words = shown(client)
    assert "went here with" not in words
    assert "Empty: N1, the sender's ID with its issuer." in words


def test_what_only_the_pacs_knew_is_asked_afterwards(
    client: FlaskClient, database: Database, registry: Registry, gateway: Gateway
) -> None:
    waits = comes(database, registry, BORIS)
    gateway.answer = ANOTHER_WENT
    assert ANOTHER_WENT in release(client, waits).text
    assert SAME_PERSON not in shown(client)
    assert NEEDED in shown(client)
    gateway.answer = CALLED_OTHERWISE_WENT
    release(client, waits)
    assert f"N1 is known in your PACS for somebody called otherwise. {SAME_PERSON}" in shown(client)
    gateway.answer = ""
    assert release(client, waits, **{f"same_person-{waits}": "N1"}).status_code == 303


def test_whose_an_id_is_that_could_not_be_looked_up_somebody_must_know(
    client: FlaskClient, database: Database, registry: Registry, gateway: Gateway
) -> None:
    waits = comes(database, registry, BORIS)
    gateway.answer = NOBODY_WAS_ASKED
    release(client, waits, **{f"patient_id-{waits}": "H7"})
    assert "H7 could not be looked up in your PACS. I know that it is this patient's" in shown(client)
    gateway.answer = ""
    assert release(client, waits, **{f"known_unasked-{waits}": "H7"}).status_code == 303


def test_a_number_is_the_same_with_the_blanks_that_people_read_it_by(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    waits = comes(database, registry, BORIS)
    release(client, waits, **{f"patient_id-{waits}": "999 000 0018"})
    assert [one.payload["patient_id"] for one in commands(database)] == ["9990000018"]


def test_what_is_held_apart_of_a_study_is_said_wherever_its_images_are_counted(
    client: FlaskClient, database: Database, registry: Registry
) -> None:
    waits = comes(database, registry, AGNES)
    with database.begin() as session:
        delivery = session.get_one(Delivery, waits)
        for _ in range(2):
            Seed(session, registry).held_object(arrival_id=delivery.parcel.arrival_id)
        reference = session.get_one(Transaction, delivery.transaction_id).reference
    assert "2 images contradict others of their study and are held apart; ZX1 looks at that." in shown(client)
    said = "2 images contradict others of their study and are held apart; ZX1 looks at that."
    for page in ("/transactions", f"/transactions/{reference}"):
        assert said in client.get(page).text
