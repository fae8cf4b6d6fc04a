"""The worklist: both sides of a patient, many released at once, each row for itself."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select, update

from models.db import Database
from models.domain.identity import PatientFacts
from models.local_patients import ANOTHERS_ID, CALLED_OTHERWISE
from models.tables import Candidate, Instance, LocalPatient, Study, now
from tests.database import Registry
from tests.web.portal import Gateway, field_of, make, sign_in
from tests.web.seeded import AGNES, Seed
from tests.web.seeded_requests import add_candidate, add_request
from tests.web.test_pages import inspect
from tests.web.waiting import change, commands, decided, release, waiting

BORIS = PatientFacts("ZX1-0043", "", "SAMPLE^Boris", "19480809", "M", (("9990000026", "NHS"),))


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def app(database: Database, registry: Registry, gateway: Gateway) -> Flask:
    return make(database, gateway)


def test_both_sides_stand_beside_each_other(app: Flask, database: Database, registry: Registry) -> None:
    ((_, reference),) = waiting(database, registry, urgency="urgent")
    with database.begin() as session:
        session.add(
            LocalPatient(
                institution_id="ZX2", patient_id="H77", nhs_number="9990000018", PatientName="EXAMPLE^Agnetha",
                PatientBirthDate="19510203", learned_at=now(),
            )
        )  # fmt: skip
    text = sign_in(app, "officer.zx2").get("/worklist").text
    inspect(text)
    assert "1 waits, 1 of them urgent; it came 7 min ago." in text
    for shown in (reference, "EXAMPLE, Agnes", "999 000 0018", "ZX1-0042", "A1000042", "CT head", 'value="H77"'):
        assert shown in text, shown
    assert "Differs from what is known here: name." in text
    assert "6 received, then 30 s of silence" in text
    assert "Northern Example (ZX1); ring" in text, "an unsolicited push is shown with its sender's contact"
    assert "01632 960010" in text
    assert "imaging@zx1.example" in text


def test_what_the_sender_does_not_give_is_not_said_to_agree(app: Flask, database: Database, registry: Registry) -> None:
    waiting(database, registry)
    with database.begin() as session:
        session.add(
            LocalPatient(
                institution_id="ZX2", patient_id="H77", nhs_number="9990000018", PatientName="EXAMPLE^Agnes",
                PatientBirthDate="19510203", learned_at=now(),
            )
        )  # fmt: skip
        for study in session.scalars(select(Study)):
            study.patient = study.patient | {"PatientBirthDate": ""}
        for instance in session.scalars(select(Instance)):
            instance.patient = instance.patient | {"PatientBirthDate": ""}
    text = sign_in(app, "officer.zx2").get("/worklist").text
    assert "agrees: </span>EXAMPLE, Agnes" in text
    assert "3 February 1951 (not compared)" in text
    assert "agrees: </span>3 February 1951" not in text


def test_another_institution_s_patients_are_no_knowledge(app: Flask, database: Database, registry: Registry) -> None:
    waiting(database, registry)
    with database.begin() as session:
        session.add(
            LocalPatient(institution_id="ZX3", patient_id="H77", nhs_number="9990000018", learned_at=now(),
                         PatientName="EXAMPLE^Agnes", PatientBirthDate="19510203")
        )  # fmt: skip
    assert "H77" not in sign_in(app, "officer.zx2").get("/worklist").text


def test_who_asked_for_it(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        answers, may = add_request(session, registry), add_request(session, registry)
        add_candidate(session, answers.studies[0], seed.delivery("on-worklist"), answers=True)
        add_candidate(session, may.studies[0], seed.delivery("on-worklist"))
        others = add_request(session, registry, requester="ZX3")
        add_candidate(session, others.studies[0], seed.delivery("on-worklist"))
        asked, possible, theirs = (one.transaction.reference for one in (answers, may, others))
    text = sign_in(app, "officer.zx2").get("/worklist").text
    assert re.search(rf"Requested by</dt><dd>Dr R Cipient, <a[^>]*>{asked}</a>: CT head, call back 01632 960222", text)
    assert re.search(rf"May answer</dt><dd><a[^>]*>{possible}</a>", text)
    assert "Agrees: NHS number, birth date." in text
    with database.begin() as session:
        session.execute(update(Candidate).values(answered_at=now(), differs=["NHS number"]))
    taken = sign_in(app, "officer.zx2").get("/worklist").text
    assert re.search(rf"Requested by.*{possible}</a>.*Differs: NHS number\.", taken), "also once a person has said so"
    assert "Differs: given name." in text
    assert theirs not in text
    assert text.count("Not requested</dt>") == 1
    assert text.count("Sent unasked</dt>") == 1, "what may answer a request is not said to be unrequested"


def test_many_are_released_at_once_each_by_its_own_command(
    app: Flask, database: Database, registry: Registry, gateway: Gateway
) -> None:
    (first, _), (second, _), (third, _) = waiting(database, registry, 3)
    change(database, second, identity=None)
    client = sign_in(app, "officer.zx2")
    answer = release(client, first, second, **{f"patient_id-{second}": " L-77 ", f"accession-{second}": "B9"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/worklist")
    done = {one.subject_id: (one.kind, one.payload) for one in commands(database)}
    seen = {"seen": f"on-worklist:{registry.worklists['ZX2']}"}
    assert done == {
        first: ("release-delivery", seen),
        second: ("release-delivery", {"patient_id": "L-77", "accession": "B9", **seen}),
    }
    assert sorted(gateway.tried) == sorted(one.id for one in commands(database))
    assert "2 studies released." in client.get("/worklist").text
    assert third not in done


def test_a_row_that_fails_says_why_and_loses_nothing(app: Flask, database: Database, registry: Registry) -> None:
    (first, _), (second, reference), (third, _) = waiting(database, registry, 3)
    change(database, second, identity=None)
    client = sign_in(app, "officer.zx2")
    answer = release(
        client, first, second, **{f"accession-{second}": "B9", f"patient_id-{third}": "T-3", f"accession-{third}": "A3"}
    )
    assert answer.status_code == 422
    assert [one.subject_id for one in commands(database)] == [first]
    assert "1 study released." in answer.text
    assert answer.text.count("Enter your own Patient ID") == 2, "in the summary and on its row"
    assert re.search(rf'href="#patient_id-{second}">\s*{reference}: Enter your own', answer.text)
    for typed in ("B9", "T-3", "A3"):
        assert f'value="{typed}"' in answer.text, "also of a row that was not ticked"
    assert f'value="{second}" checked' in answer.text
    assert f'value="{third}" checked' not in answer.text
    inspect(answer.text)


def test_an_id_of_another_person_is_refused_on_its_row(
    app: Flask, database: Database, registry: Registry, gateway: Gateway
) -> None:
    ((only, _),) = waiting(database, registry)
    gateway.answer = ANOTHERS_ID
    client = sign_in(app, "officer.zx2")
    answer = release(client, only, **{f"patient_id-{only}": "H123"})
    assert answer.status_code == 422
    assert "Local ID H123 belongs to another person; not released." in answer.text
    assert 'value="H123"' in answer.text
    first = commands(database)[0].id
    assert field_of(answer.text, f"command-{only}") != first, "the next try is a command of its own"
    gateway.answer = ""
    retry = {"csrf_token": field_of(answer.text, "csrf_token"), "delivery": only, f"patient_id-{only}": "H124"}
    token = {f"command-{only}": field_of(answer.text, f"command-{only}")}
    assert client.post("/worklist/release", data=retry | token).status_code == 303
    assert [one.payload["patient_id"] for one in commands(database)] == ["H123", "H124"]


def test_who_has_looked_says_that_a_twin_s_id_is_right(
    app: Flask, database: Database, registry: Registry, gateway: Gateway
) -> None:
    ((only, _),) = waiting(database, registry)
    client = sign_in(app, "officer.zx2")
    assert "it is the same person" not in client.get("/worklist").text
    gateway.answer = CALLED_OTHERWISE
    answer = release(client, only, **{f"patient_id-{only}": "H123"})
    assert "known under another name" in answer.text
    with database.begin() as session:
        session.add(
            LocalPatient(
                institution_id="ZX2",
                patient_id="H123",
                nhs_number="",
                PatientName="EXAMPLE^Anna",
                PatientBirthDate="19510203",
                learned_at=now(),
            )
        )
    shown = " ".join(re.sub("<[^>]*>", "", client.get("/worklist").text).split())
    assert "H123 is known here for EXAMPLE, Anna, born 3 February 1951. I have looked: it is the same person" in shown
    inspect(client.get("/worklist").text)
    gateway.answer = ""
    tick = {f"same_person-{only}": "H123"}
    other = release(client, only, **{f"patient_id-{only}": "H300"} | tick)
    assert "The tick is for H123; take it out, or enter H123." in other.text
    assert release(client, only, **{f"patient_id-{only}": "H123"} | tick).status_code == 303
    assert [one.payload.get("same_person") for one in commands(database)] == [None, "H123"]


def test_pages_follow_a_key_and_urgent_ones_come_first(app: Flask, database: Database, registry: Registry) -> None:
    expected = [reference for _, reference in waiting(database, registry, 27)]
    with database.begin() as session:
        urgent = Seed(session, registry).delivery("on-worklist", urgency="life-critical").reference
    client = sign_in(app, "officer.zx2")
    path, seen = "/worklist", []
    while path:
        text = client.get(path).text
        seen += re.findall(r'<article[^>]* id="(T-[A-Z0-9-]+)"', text)
        waiting(database, registry, urgency="routine")  # comes meanwhile, and shifts nothing
        more = re.search(r'<a href="([^"]+)" rel="next">', text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen[:28] == [urgent, *expected]
    assert client.get("/worklist?after=1~nonsense~x").status_code == 404


def test_one_transaction_alone(app: Flask, database: Database, registry: Registry) -> None:
    (first, reference), (_, other) = waiting(database, registry, 2)
    client = sign_in(app, "officer.zx2")
    text = client.get(f"/worklist?reference={reference}").text
    assert reference in text
    assert other not in text
    decided(database, registry, first, "released", "sending", "officer.zx2")
    assert "does not wait here any more" in client.get(f"/worklist?reference={reference}").text


def test_a_form_with_nothing_ticked_or_without_its_token(app: Flask, database: Database, registry: Registry) -> None:
    ((only, _),) = waiting(database, registry)
    client = sign_in(app, "officer.zx2")
    nothing = release(client)
    assert nothing.status_code == 422
    assert re.search(rf'href="#tick-{only}">\s*Tick the studies that you release.', nothing.text)
    assert release(client, only, **{f"command-{only}": "x"}).status_code == 400
    assert commands(database) == []


def test_two_patients_are_two_rows(app: Flask, database: Database, registry: Registry) -> None:
    waiting(database, registry, patient=BORIS)
    waiting(database, registry, patient=AGNES)
    text = sign_in(app, "officer.zx2").get("/worklist").text
    assert text.index("EXAMPLE, Agnes") != text.index("SAMPLE, Boris")
    assert "2 wait; the oldest came 7 min ago." in text
