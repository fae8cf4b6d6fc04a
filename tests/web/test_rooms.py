"""What the rooms show: pages of the list, live parts, hostile content, the mailbox, health, and who follows whom."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.domain.identity import PatientFacts
from models.tables import Account, Delivery, Institution, Node, Slot, Transaction, now
from tests.database import Registry
from tests.web.portal import field_of, make, send, sign_in
from tests.web.seeded import Seed
from tests.web.test_pages import inspect
from web.times import age, clock
from web.transactions.show import STOP_POLLING
from web.words import dicom_date, identifier, person_name, study

REFERENCE = re.compile(r">(T-[A-Z0-9]{4}-[A-Z0-9]{3})</a>")

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</textarea></title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "\u202eEXAMPLE\u0000",
)


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database)


def test_pages_follow_a_key(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        expected = [seed.arrival("receiving").reference for _ in range(60)]
    client = sign_in(app, "officer.zx1")
    path, seen, pages = "/transactions", [], 0
    while path:
        text = client.get(path).text
        seen += REFERENCE.findall(text)
        pages += 1
        if pages == 1:
            with database.begin() as session:
                Seed(session, registry).arrival("receiving")  # comes meanwhile, and shifts nothing
        older = re.search(r'<a href="([^"]+)" rel="next">', text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == expected
    assert pages == 3


def test_the_list_is_sifted(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        waits, sent = seed.delivery("on-worklist").reference, seed.delivery("confirmed").reference
    client = sign_in(app, "officer.zx2")
    assert REFERENCE.findall(client.get("/transactions?state=delivery.confirmed").text) == [sent]
    assert REFERENCE.findall(client.get("/transactions?mine=1").text) == [waits]
    assert client.get("/transactions?state=nonsense").status_code == 404
    assert client.get("/transactions?after=nonsense~x").status_code == 404
    assert REFERENCE.findall(sign_in(app, "clinician.zx2").get("/transactions?mine=1").text) == []


def test_a_reference_is_found_as_it_is_said(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("confirmed").reference
    client = sign_in(app, "officer.zx2")
    for said in (reference, reference.lower(), reference.replace("-", " "), reference[2:]):
        answer = send(client, "/transactions", "/transactions/find", reference=said)
        assert answer.headers["Location"] == f"/transactions/{reference}"
    send(client, "/transactions", "/transactions/find", reference="7F3K 2QM")
    assert "No transaction T-7F3K-2QM of yours; check the reference." in client.get("/transactions").text


def test_what_may_be_a_patient_stands_in_no_address_and_is_not_told_again(app: Flask) -> None:
    client = sign_in(app, "officer.zx2")
    assert client.get("/transactions/find?reference=9990000018").status_code in (404, 405)
    for typed in ("999 000 0018", "EXAMPLE, Agnes", "<b>"):
        answer = send(client, "/transactions", "/transactions/find", reference=typed)
        assert answer.headers["Location"] == "/transactions"
        page = client.get("/transactions").text
        assert "No transaction like that of yours; check the reference." in page
        assert typed not in page


def test_home_counts_what_needs_whom(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        seed.arrival("held")
        seed.delivery("needs-attention", urgency="life-critical")
        seed.delivery("on-worklist")
    assert "2 need you, 1 of them urgent." in sign_in(app, "officer.zx1").get("/").text
    assert "2 need you, 1 of them urgent." in sign_in(app, "officer.zx2").get("/").text
    assert "1 needs you, 1 of them urgent." in sign_in(app, "support.zx3").get("/").text
    assert "Nothing needs you; the last arrival was at" in sign_in(app, "clinician.zx2").get("/").text


def test_the_live_part_ends_with_the_transaction(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("sending").reference
    client = sign_in(app, "officer.zx2")
    page = f"/transactions/{reference}"
    assert f'hx-get="{page}/live"' in client.get(page).text
    facts = field_of(client.get(page).text, "facts")
    first = client.get(f"{page}/live?seen=delivery.sending&facts={facts}")
    assert first.status_code == 200
    assert "<strong>4</strong> of <strong>6</strong>" in first.text
    assert "hx-swap-oob" not in first.text, "forms are left alone while the same decisions are possible"
    with database.begin() as session:
        for row in (session.scalars(select(Transaction)).one(), session.scalars(select(Delivery)).one()):
            row.state = "needs-attention"
    second = client.get(f"{page}/live?seen=delivery.sending")
    assert 'id="decisions" hx-swap-oob="innerHTML"' in second.text
    with database.begin() as session:
        session.scalars(select(Transaction)).one().state = "confirmed"
    assert client.get(f"{page}/live").status_code == STOP_POLLING
    assert f'hx-get="{page}/live"' not in client.get(page).text


def test_the_live_part_brings_what_has_changed_beside_it(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        reference = Seed(session, registry).delivery("on-worklist").reference
    client, page = sign_in(app, "officer.zx2"), f"/transactions/{reference}"
    facts = field_of(client.get(page).text, "facts")
    live = f"{page}/live?seen={field_of(client.get(page).text, 'seen')}&facts="
    assert "hx-swap-oob" not in client.get(live + facts).text
    with database.begin() as session:
        delivery = session.scalars(select(Delivery)).one()
        delivery.identity = dict(delivery.identity or {}, PatientID="L-77", basis="entered by a person")
    answer = client.get(live + facts).text
    for part in ("heading", "identity", "facts"):
        assert re.search(rf'id="{part}" hx-swap-oob="innerHTML"', answer)
    assert "L-77" in answer
    assert 'id="decisions"' not in answer, "forms are left alone"
    assert "hx-swap-oob" not in client.get(live + field_of(answer, "facts")).text


def test_supplements_are_linked_both_ways(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        seed = Seed(session, registry)
        first = seed.delivery("confirmed")
        second = seed.delivery("on-worklist", follows=first)
        references = first.reference, second.reference
    client = sign_in(app, "officer.zx2")
    for one, other in (references, references[::-1]):
        assert f'href="/transactions/{other}"' in client.get(f"/transactions/{one}").text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_content_is_inert(app: Flask, database: Database, registry: Registry, hostile: str) -> None:
    kept = hostile.replace("\0", "")
    with database.begin() as session:
        seed = Seed(session, registry)
        patient = PatientFacts(kept, kept, f"{kept}^{kept}", kept, kept, ((kept, kept),))
        seed.delivery("on-worklist", patient=patient, description=kept)
        held = seed.arrival("held", "ZX2", patient=patient, description=kept)
        seed.held_object("ZX2", sentence=kept, reason=kept, calling_ae_title=kept)
        delivery = session.scalars(select(Delivery)).one()
        delivery.state_detail, delivery.fault = kept, kept
        for row in session.scalars(select(Institution)):
            row.name, row.phone = kept, kept
        for account in session.scalars(select(Account)):
            account.display_name = kept
        node = session.get_one(Node, registry.nodes["ZX2_PACS"])
        node.last_fault, node.state, node.name = kept, "down", kept
        references = [one.reference for one in session.scalars(select(Transaction))]
        assert held.reference in references
    client = sign_in(app, "officer.zx2")
    pages = ["/", "/transactions", "/held", "/nodes", f"/nodes/{registry.nodes['ZX2_PACS']}"]
    for page in (*pages, *(f"/transactions/{reference}" for reference in references)):
        text = client.get(page).text
        inspect(text)
        assert "alert(1)</script>" not in text
        assert not re.search(r"<(img|svg onload)|href=.javascript", text)
        assert "49" not in re.findall(r">\s*(\d+)\s*<", text), "a template ran what it was given"


def test_slots_in_use(app: Flask, database: Database, registry: Registry) -> None:
    node_id = registry.nodes["ZX2_PACS"]
    with database.begin() as session:
        Seed(session, registry).delivery("sending")
        delivery = session.scalars(select(Delivery.id)).one()
        at = now()
        for holder, granted, until in (("a", True, 15), ("b", True, -15), ("c", False, 15)):
            session.add(
                Slot(
                    node_id=node_id, holder=holder, delivery_id=delivery, priority=4,
                    granted=granted, asked_at=at, until=at + timedelta(seconds=until),
                )
            )  # fmt: skip
    text = sign_in(app, "officer.zx2").get(f"/nodes/{node_id}").text
    assert "1 of 4" in text, "a lease that has run out, or still waits, is none"


def mail(folder: Path, to: str, subject: str, body: str, at: datetime) -> str:
    message = EmailMessage()
    message["Delivered-To"], message["From"], message["Subject"] = to, "exchange@exchange.example", subject
    message.set_content(body)
    name = f"{at:%Y%m%dT%H%M%S.%fZ}-12345678-1234-4123-8123-1234567890ab"
    (folder / f"{name}.eml").write_bytes(message.as_bytes())
    return name


def test_the_mailbox_shows_one_s_own_institution_s_mail(database: Database, registry: Registry, tmp_path: Path) -> None:
    app = make(database, mailbox_folder=tmp_path)
    at = datetime(2026, 5, 3, 14, 2, tzinfo=UTC)
    mine = mail(tmp_path, "imaging@zx2.example", "Study <b>arrived</b>", "See /transactions/T-2222-222", at)
    theirs = mail(tmp_path, "imaging@zx1.example", "For ZX1", "text", at + timedelta(seconds=1))
    (tmp_path / "unfinished.eml").write_bytes(b"")
    client = sign_in(app, "officer.zx2")
    listing = client.get("/mailbox").text
    inspect(listing)
    assert "For ZX1" not in listing
    read = client.get(f"/mailbox/{mine}").text
    inspect(read)
    assert "Study &lt;b&gt;arrived" in read
    assert 'href="/transactions/T-2222-222"' in read
    assert client.get(f"/mailbox/{theirs}").status_code == 404
    assert client.get("/mailbox/..%2Fsecret").status_code == 404
    assert "For ZX1" in sign_in(app, "support.zx3").get("/mailbox").text


def test_without_a_demo_there_is_no_mailbox(app: Flask) -> None:
    client = sign_in(app, "officer.zx2")
    assert client.get("/mailbox").status_code == 404
    assert 'href="/mailbox"' not in client.get("/").text


def test_while_the_records_are_away_a_page_says_so(tmp_path: Path) -> None:
    client = make(Database(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}")).test_client()
    client.set_cookie("session", "anything")
    answer = client.get("/")
    assert answer.status_code == 503
    assert "still received and kept" in answer.text
    inspect(answer.text)


def test_health_names_what_is_not_ready(database: Database) -> None:
    parts = {"database": True, "engine": True}
    client = make(database, health_of_parts=lambda: parts).test_client()
    well = client.get("/healthz")
    assert (well.status_code, json.loads(well.text)["ready"]) == (200, True)
    parts["engine"] = False
    ill = client.get("/healthz")
    assert (ill.status_code, json.loads(ill.text)["not_ready"]) == (503, ["engine"])


def test_words() -> None:
    assert person_name("EXAMPLE^Agnes^Ann^Mrs^MBE=other") == "EXAMPLE, Agnes Ann MBE (Mrs)"
    assert person_name("=\u5c71\u7530^\u592a\u90ce=yamada^taro") == "\u5c71\u7530, \u592a\u90ce"
    assert person_name("") == ""
    assert person_name("EXAMPLE\u202e^Agnes") == "EXAMPLE\ufffd, Agnes"
    assert identifier("H1\u202e32") == "H1\ufffd32"
    assert person_name("^^^^^^") == ""
    assert dicom_date("20260503") == "3 May 2026"
    assert dicom_date("2026") == "2026"
    assert identifier("9990000018") == "999 000 0018"
    assert identifier("H123") == "H123"
    assert study("CT head", ["CT"]) == "CT head"
    assert study("Head", ["CT", "PT"]) == "CT/PT Head"


def test_times() -> None:
    at = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert clock(at, "Europe/London", at + timedelta(minutes=5)) == (
        '<time datetime="2026-07-01T23:30:00+00:00" title="01 Jul 2026, 23:30:00 UTC">00:30</time>'
    )
    assert ">2 Jul, 00:30<" in clock(at, "Europe/London", at + timedelta(days=1))
    assert clock(None, "Europe/London", at) == "never"
    assert [age(at, at + timedelta(minutes=m)) for m in (0, 5, 150, 4000)] == [
        "less than a minute",
        "5 min",
        "2 h",
        "2 days",
    ]
