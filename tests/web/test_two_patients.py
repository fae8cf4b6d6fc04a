"""A study whose images cannot be about one person: nobody is offered to send it on, and whom it names is seen."""

from __future__ import annotations

from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select, update

from models.db import Database
from models.dicom import facts_to_json
from models.domain.held_words import IF_IN_CONFLICT
from models.domain.identity import PatientFacts
from models.queries.standing import standings
from models.tables import Arrival, ArrivalInstance, Instance, OutboxCommand, Transaction, new_id
from tests.database import Registry
from tests.web.portal import field_of, make, sign_in
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_candidate, add_request
from tests.web.test_pages import inspect

MIXED = PatientFacts("MX1", "", "MIXED^One", "19510203", "F", (("9990000018", "NHS"),))
DIFFERENT = PatientFacts("MX2", "", "DIFFERENT^Two", "19600405", "M", ())
PATIENTS = ("MIXED, One", "3 February 1951", "MX1", "DIFFERENT, Two", "5 April 1960", "MX2")
WHY = "The images carry different Patient IDs."
REFUSES = "ZX1's PACS officer refuses it and asks the sender to correct it and send it with new UIDs."


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def mixed(database: Database, registry: Registry, reason: str = "identity-conflict", detail: str = WHY) -> str:
    """The reference of a study that is held: its first four images name one patient, the last two another."""
    with database.begin() as session:
        one = Seed(session, registry).arrival("held", patient=MIXED)
        arrival = session.scalars(select(Arrival).where(Arrival.transaction_id == one.id)).one()
        arrival.held_reason, arrival.state_detail = reason, detail
        last = select(ArrivalInstance.instance_id).where(
            ArrivalInstance.arrival_id == arrival.id, ArrivalInstance.position > 4
        )
        session.execute(update(Instance).where(Instance.id.in_(last)).values(patient=facts_to_json(DIFFERENT)))
        return one.reference


def held_for_another(database: Database, registry: Registry) -> tuple[str, str]:
    """The references of a study of one patient, and of images of it that are another's and held for that."""
    with database.begin() as session:
        seed = Seed(session, registry)
        first = seed.arrival("held", patient=MIXED)
        second = seed.arrival("held", patient=DIFFERENT, follows=first)
        arrival = session.scalars(select(Arrival).where(Arrival.transaction_id == second.id)).one()
        arrival.held_reason = "identity-conflict"
        arrival.state_detail = "Other images of this study came with another patient's identity."
        return first.reference, second.reference


def asked_of_engine(database: Database) -> list[OutboxCommand]:
    with database.begin() as session:
        return list(session.scalars(select(OutboxCommand)))


@pytest.mark.parametrize("reason", ["identity-conflict", "changed-ae-title"])
def test_its_page_offers_to_refuse_it_and_says_why(
    app: Flask, database: Database, registry: Registry, reason: str
) -> None:
    detail = WHY if reason == "identity-conflict" else "It came under an unregistered AE title."
    reference = mixed(database, registry, reason, detail)
    page = sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text
    inspect(page)
    text = unescape(page)
    said = WHY if reason == "identity-conflict" else f"{detail} {WHY}"
    assert f"Held: {said} {REFUSES}" in text
    assert "assigns or refuses" not in text
    assert f'action="/transactions/{reference}/assign"' not in text
    assert f'action="/transactions/{reference}/refuse-held"' in text


def test_the_held_desk_offers_to_refuse_it(app: Flask, database: Database, registry: Registry) -> None:
    reference = mixed(database, registry)
    text = sign_in(app, "officer.zx1").get("/held").text
    inspect(text)
    assert f"{WHY} {IF_IN_CONFLICT}" in text
    assert f'action="/transactions/{reference}/assign"' not in text
    assert "Assign or refuse" not in text
    assert f'action="/transactions/{reference}/refuse-held"' in text


def test_each_patient_is_seen_by_whoever_may(app: Flask, database: Database, registry: Registry) -> None:
    reference = mixed(database, registry)
    for page in (f"/transactions/{reference}", "/held"):
        for who in ("officer.zx1", "clinician.zx1"):
            text = sign_in(app, who).get(page).text
            assert not [words for words in PATIENTS if words not in text], (page, who)
        support = sign_in(app, "support.zx3").get(page).text
        assert reference in support
        assert not [words for words in PATIENTS if words in support]
    assert sign_in(app, "officer.zx3").get(f"/transactions/{reference}").status_code == 404


def test_beside_what_else_came_of_the_study_the_other_patient_is_seen(
    app: Flask, database: Database, registry: Registry
) -> None:
    first, second = held_for_another(database, registry)
    client = sign_in(app, "officer.zx1")
    for page in (f"/transactions/{second}", "/held"):
        text = client.get(page).text
        assert not [words for words in PATIENTS if words not in text], page
    assert "DIFFERENT, Two" not in client.get(f"/transactions/{first}").text, "it is held for something else"
    assert "MIXED, One" not in sign_in(app, "support.zx3").get(f"/transactions/{second}").text


def test_it_is_neither_assigned_nor_matched_all_the_same(app: Flask, database: Database, registry: Registry) -> None:
    reference = mixed(database, registry)
    with database.begin() as session:
        study = add_request(session, registry).studies[0]
        add_candidate(
            session, study, session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        )
        study_id = study.id
    client, page = sign_in(app, "officer.zx1"), f"/transactions/{reference}"
    assert "It answers" not in client.get(page).text
    assert "It answers" not in client.get("/held").text
    assert "One request may be about it" not in client.get(page).text
    form = {"csrf_token": field_of(client.get(page).text, "csrf_token"), "command": new_id()}
    for act, entry in (
        ("assign", {"worklist_id": registry.worklists["ZX2"]}),
        ("match", {"requested_study_id": study_id}),
    ):
        answer = client.post(f"{page}/{act}", data=form | entry)
        assert answer.status_code == 422
        assert f"{WHY} {IF_IN_CONFLICT}" in answer.text
        assert 'id="decisions"' in answer.text, "that is where the summary leads"
    assert asked_of_engine(database) == []


def test_once_the_other_images_are_refused_it_may_be_assigned(
    app: Flask, database: Database, registry: Registry
) -> None:
    first, second = held_for_another(database, registry)
    client, page = sign_in(app, "officer.zx1"), f"/transactions/{second}"
    assert f'action="{page}/assign"' not in client.get(page).text
    with database.begin() as session:
        mistake = session.scalars(select(Arrival).join(Transaction).where(Transaction.reference == first)).one()
        mistake.state = "refused"
    for shown in (page, "/held"):
        assert f'action="{page}/assign"' in client.get(shown).text
    assert "PACS officer decides" in client.get(page).text


def test_whose_the_other_images_are_is_not_shown_to_another_institution(
    app: Flask, database: Database, registry: Registry
) -> None:
    """They may have gone to a third."""
    _, second = held_for_another(database, registry)
    with database.begin() as session:
        session.scalars(select(Transaction).where(Transaction.reference == second)).one().destination_id = "ZX2"
    text = sign_in(app, "officer.zx2").get(f"/transactions/{second}").text
    assert "DIFFERENT, Two" in text
    assert "MIXED" not in text


def test_a_mail_says_the_next_step_and_no_more(database: Database, registry: Registry) -> None:
    reference = mixed(database, registry)
    with database.begin() as session:
        one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        (in_a_mail,) = standings(session, [one], "Europe/London", in_detail=False)
    assert in_a_mail.sentence.startswith(f"Held. {REFUSES} Since ")
