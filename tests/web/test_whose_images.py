"""A study whose supplement is about somebody else: every page shows the patient whose images they are."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select, update

from activities.arrivals import ArrivalActivities
from models.db import Database
from models.domain.contracts import RouteRequest
from models.domain.identity import PatientFacts
from models.domain.routing import HeldReason
from models.tables import Arrival, Instance, Transaction
from tests.database import Registry
from tests.web.portal import make, sign_in
from tests.web.seeded import AGNES, Seed

BERTIE = PatientFacts("ZX1-0099", "", "SAMPLE^Bertie", "19700101", "M", ())


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def seeded(database: Database, registry: Registry, state: str, patient: PatientFacts = BERTIE) -> tuple[str, str]:
    """The references of a delivered study of Agnes and of its supplement, about `patient`."""
    with database.begin() as session:
        seed = Seed(session, registry)
        first = seed.delivery("confirmed")
        return first.reference, seed.arrival(state, follows=first, patient=patient).reference


def arrival_id(database: Database, reference: str) -> str:
    with database.begin() as session:
        return session.scalars(select(Arrival.id).join(Transaction).where(Transaction.reference == reference)).one()


def routed(database: Database, reference: str) -> HeldReason | None:
    with database.begin() as session:
        session.execute(update(Instance).values(routing={"InstitutionName": "ZX2"}))
    return ArrivalActivities(database).route(RouteRequest(arrival_id(database, reference))).reason


def test_each_page_shows_its_own_patient(app: Flask, database: Database, registry: Registry) -> None:
    first, second = seeded(database, registry, "held")
    client = sign_in(app, "officer.zx1")
    for reference, own, other in ((first, "Agnes", "Bertie"), (second, "Bertie", "Agnes")):
        page = client.get(f"/transactions/{reference}").text
        assert own in page
        assert other not in page
    supplement = client.get(f"/transactions/{second}").text
    assert "CT head" not in supplement, "that is what was said of the other patient's images"
    held = client.get("/held").text
    assert "Bertie" in held
    assert "Agnes" not in held
    rows = client.get("/transactions").text
    assert rows.index("Agnes") != rows.index("Bertie")
    assert rows.count("Agnes") == rows.count("Bertie") == 1


def test_it_is_held(database: Database, registry: Registry) -> None:
    _, second = seeded(database, registry, "settled")
    assert routed(database, second) is HeldReason.IDENTITY_CONFLICT


def test_a_supplement_of_the_same_patient_is_not(database: Database, registry: Registry) -> None:
    _, second = seeded(database, registry, "settled", AGNES)
    assert routed(database, second) is not HeldReason.IDENTITY_CONFLICT


def test_what_the_source_refused_does_not_count(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        mistake = seed.arrival("refused", patient=BERTIE)
        corrected = seed.arrival("settled", follows=mistake, patient=AGNES).reference
    assert routed(database, corrected) is not HeldReason.IDENTITY_CONFLICT


def test_after_a_purge_the_identity_of_the_study_still_counts(
    app: Flask, database: Database, registry: Registry
) -> None:
    first, second = seeded(database, registry, "settled")
    with database.begin() as session:
        of_first = select(Instance.id).where(Instance.patient["PatientName"].astext.contains("Agnes"))
        session.execute(
            update(Instance).where(Instance.id.in_(of_first)).values(patient={}, purged_at=Instance.received_at)
        )
    assert routed(database, second) is HeldReason.IDENTITY_CONFLICT
    assert "no longer kept" in sign_in(app, "officer.zx1").get(f"/transactions/{first}").text
