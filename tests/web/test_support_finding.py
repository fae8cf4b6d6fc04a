"""Finding by anything that somebody on the phone may say; by an NHS number only for a reason."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.tables import (
    Arrival,
    AuditEntry,
    Delivery,
    Disclosure,
    Instance,
    Study,
    Transaction,
    Worklist,
)
from tests.database import Registry
from tests.web.portal import send, sign_in
from tests.web.seeded_requests import add_copy
from tests.web.support_desk import app, count, gateway, look_for, parked, recovery

__all__ = ["app", "gateway", "parked", "recovery"]

NHS_NUMBER = "999 000 0018"


def test_everything_that_somebody_may_say_leads_to_it(app: Flask, database: Database, parked: str) -> None:
    with database.begin() as session:
        arrival = session.scalars(select(Arrival)).one()
        instance = session.scalars(select(Instance)).first()
        assert instance
        instance.SeriesInstanceUID = "2.25.4711.1"
        said = [
            parked.lower().replace("-", " "),
            parked.removeprefix("T-"),
            session.scalars(select(Study.StudyInstanceUID)).one(),
            "2.25.4711.1",
            instance.SOPInstanceUID,
            f"arrival-{arrival.id}",
            f"delivery-{session.scalars(select(Delivery.id)).one()}",
            arrival.id,
        ]
    client = sign_in(app, "support.zx3")
    for words in said:
        answer = look_for(client, sought=words)
        assert answer.status_code == 303, words
        assert answer.headers["Location"] == f"/support/{parked}", words


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("01632 9600-20", "Royal Example (ZX2)"),
        ("imaging@ZX2.example", "Royal Example (ZX2)"),
        ("officer@zx1.example", "Signs in as officer.zx1"),
        ("zx2_pacs", "ZX2_PACS (ZX2)"),
        ("storescu", "STORESCU (ZX1)"),
    ],
)
def test_sites_people_and_nodes_are_found_too(app: Flask, parked: str, words: str, shown: str) -> None:
    answer = look_for(sign_in(app, "support.zx3"), sought=words)
    assert answer.status_code == 200
    assert shown in answer.text
    if words != "officer@zx1.example":
        assert parked in answer.text or words == "zx2_pacs"


def test_what_is_not_found_says_what_was_searched(app: Flask, parked: str) -> None:
    answer = look_for(sign_in(app, "support.zx3"), sought="1.2.3.4.5")
    assert "No record; searched <time" in answer.text


def test_an_nhs_number_needs_a_reason_and_stands_in_no_address_and_no_record(
    app: Flask, database: Database, parked: str
) -> None:
    client = sign_in(app, "support.zx3")
    refused = look_for(client, sought=NHS_NUMBER)
    assert refused.status_code == 422
    assert parked not in refused.text.split('id="parked"')[0]
    assert count(database, Disclosure) == 0
    answer = look_for(client, sought=NHS_NUMBER, reason="The caller has nothing else.")
    assert answer.status_code == 200
    assert answer.request.path == "/support/find"
    assert parked in answer.text
    with database.begin() as session:
        seen = session.scalars(select(Disclosure).order_by(Disclosure.institution_id)).all()
        assert [row.institution_id for row in seen] == ["ZX1", "ZX2"]
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "support.searched-nhs-number")).one()
        assert entry.facts == {"reason": "The caller has nothing else.", "found": [parked]}
        written = session.scalars(select(AuditEntry)).all()
        assert {one.act for one in written if one.act.startswith("support.")} == {
            "support.searched-nhs-number",
            "support.found-by-nhs-number",
        }, "nobody looked at the patient"
        facts = "".join(str(one.facts) for one in written)
        assert NHS_NUMBER not in facts
        assert NHS_NUMBER.replace(" ", "") not in facts
    page, acts = client.get(f"/support/{parked}").text, sign_in(app, "officer.zx1").get("/support-acts").text
    assert "Agnes" not in page, "to have found it discloses nothing"
    assert "Support: searched by NHS number. “The caller has nothing else.”" in page
    assert "Searched by NHS number" in acts
    assert "The caller has nothing else." in acts
    for text in (page, acts):
        assert "ooked at the patient" not in text


@pytest.fixture
def handed_on(database: Database, registry: Registry, parked: str) -> tuple[str, str]:
    """References of a copy of the parked study for ZX3, and of what ZX2 forwards to ZX3."""
    with database.begin() as session:
        push = session.scalars(select(Transaction).where(Transaction.reference == parked)).one()
        copied = add_copy(session, registry, push, "ZX3")
        worklist = Worklist(institution_id="ZX3", name="Second", node_id=registry.nodes["ZX3_PACS"], is_default=False)
        session.add(worklist)
        session.flush()
        forwarded = add_copy(session, registry, push, "ZX3", worklist_id=worklist.id)
        forwarded.kind, forwarded.institution_id = "forward", "ZX2"
        return copied.reference, forwarded.reference


def test_copies_and_forwards_are_found_and_lead_to_each_other(
    app: Flask, database: Database, parked: str, handed_on: tuple[str, str]
) -> None:
    with database.begin() as session:
        uid = session.scalars(select(Study.StudyInstanceUID)).one()
    client = sign_in(app, "support.zx3")
    for sought in ({"sought": uid}, {"sought": NHS_NUMBER, "reason": "The caller has nothing else."}):
        text = look_for(client, **sought).text
        assert all(reference in text for reference in (parked, *handed_on)), sought
    page = client.get(f"/support/{parked}").text
    for reference in handed_on:
        assert f'href="/support/{reference}"' in page
        assert f'href="/support/{parked}"' in client.get(f"/support/{reference}").text


def test_whoever_sent_it_first_reads_who_looked(
    app: Flask, database: Database, parked: str, handed_on: tuple[str, str]
) -> None:
    client, path = sign_in(app, "support.zx3"), f"/support/{handed_on[1]}"
    send(client, path, f"{path}/disclose", reason="Two patients of one name.")
    with database.begin() as session:
        told = session.execute(select(Disclosure.institution_id, Transaction.reference).join(Transaction)).all()
    assert {tuple(row) for row in told} == {("ZX1", parked), ("ZX2", handed_on[1]), ("ZX3", handed_on[1])}
    assert "Two patients of one name." in sign_in(app, "officer.zx1").get("/support-acts").text
