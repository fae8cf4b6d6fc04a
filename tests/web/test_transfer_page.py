"""The page of a transfer, what its sender may decide there, and what the destination's worklist says of it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import delete, select

from models import manifests
from models.db import Database
from models.tables import (
    Arrival,
    Delivery,
    Instance,
    LedgerEntry,
    OutboxCommand,
    Transaction,
    Transfer,
    Worklist,
    new_id,
    now,
)
from models.transfers import place
from tests.database import Registry
from tests.models.test_transfers import entry
from tests.web.portal import Gateway, make, sign_in
from tests.web.seeded import Seed


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database, Gateway())


def fetched(database: Database, registry: Registry, state: str, delivery: str = "on-worklist") -> str:
    """A transfer of two studies, of which one has come and is on its way; its reference."""
    with database.begin() as session:
        officer = registry.accounts["officer.zx1"]
        reference = place(
            session, institution_id="ZX1", account_id=officer, command_id=new_id(), entry=entry(registry)
        )  # fmt: skip
        transfer = session.scalars(select(Transfer)).one()
        transfer.state = transfer.transaction.state = state
        transfer.state_detail = "6 of 9 came from ZX1_PACS; for 3 it answers A702 (out of resources)."
        own = Seed(session, registry).delivery(delivery)
        arrival = session.scalars(select(Arrival).where(Arrival.transaction_id == own.id)).one()
        images = session.scalars(select(Instance).where(Instance.study_id == arrival.study_id)).all()
        first, second = transfer.studies
        first.arrival_id, first.listed_at, second.listed_at = arrival.id, now(), now()
        listed = [manifests.ListedImage(one.SOPInstanceUID, one.SeriesInstanceUID, one.SOPClassUID) for one in images]
        manifests.add(session, first, listed)
        manifests.add(session, second, [manifests.ListedImage(f"2.25.9{n}", "2.25.81", "") for n in range(3)])
        return reference


def test_the_page_says_what_came_of_how_many_and_links_to_each_study(
    app: Flask, database: Database, registry: Registry
) -> None:
    reference = fetched(database, registry, "retrieving")
    text = sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text
    assert "6 of 9 images of 2 studies fetched from ZX1_PACS; nobody needs to act." in text
    assert re.search(r'data-label="Images here".*?6 of 6.*?0 of 3', text, re.DOTALL)
    assert "Dr Example Reader" in text
    with database.begin() as session:
        own = session.scalars(select(Transaction.reference).where(Transaction.kind == "push")).one()
    assert f'href="/transactions/{own}"' in text
    assert "Fetch what is missing again" not in text
    assert "Withdraw it" in text


@pytest.mark.parametrize("state", ["retrieving", "withdrawn"])
def test_what_is_expected_is_not_called_received(
    app: Flask, database: Database, registry: Registry, state: str
) -> None:
    reference = fetched(database, registry, state)
    text = sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text
    assert "<strong>6</strong> of <strong>9</strong> images fetched" in text
    assert "received" not in text.partition('class="iep-bar"')[2].partition("</div>")[0]


def test_whose_studies_they_are_is_told_once_images_are_here(
    app: Flask, database: Database, registry: Registry
) -> None:
    reference = fetched(database, registry, "retrieving")
    client = sign_in(app, "officer.zx1")
    text = client.get(f"/transactions/{reference}").text
    assert text.count("EXAMPLE, Agnes") == 1
    assert text.count("Patient not known before images come") == 1
    row = listed(client.get("/transactions").text, reference)
    assert "EXAMPLE, Agnes" in row
    assert "CT head and 1 more" in row
    assert "EXAMPLE" not in sign_in(app, "support.zx3").get(f"/support/{reference}").text


def test_the_destination_reads_whose_they_are_only_once_they_are_put_before_it(
    app: Flask, database: Database, registry: Registry
) -> None:
    reference = fetched(database, registry, "retrieving")
    client = sign_in(app, "officer.zx2")
    assert "EXAMPLE, Agnes" in client.get(f"/transactions/{reference}").text
    with database.begin() as session:
        # As if it were still received, or held.
        session.execute(delete(LedgerEntry))
        session.execute(delete(Delivery))
    assert "EXAMPLE, Agnes" not in client.get(f"/transactions/{reference}").text
    assert "EXAMPLE, Agnes" not in listed(client.get("/transactions").text, reference)
    assert "EXAMPLE, Agnes" in sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text


def test_before_images_come_no_patient_is_called_forgotten(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        officer = registry.accounts["officer.zx1"]
        reference = place(
            session, institution_id="ZX1", account_id=officer, command_id=new_id(), entry=entry(registry)
        )  # fmt: skip
    client = sign_in(app, "officer.zx1")
    row = listed(client.get("/transactions").text, reference)
    assert "Not known before images come" in row
    assert "No longer kept" not in row
    assert "it was placed at" in client.get(f"/transactions/{reference}").text


def listed(text: str, reference: str) -> str:
    """Its row in a list."""
    return next(row for row in text.split("<tr") if f"/transactions/{reference}" in row)


def test_before_the_list_is_there_no_count_is_told(app: Flask, database: Database, registry: Registry) -> None:
    with database.begin() as session:
        officer = registry.accounts["officer.zx1"]
        reference = place(
            session, institution_id="ZX1", account_id=officer, command_id=new_id(), entry=entry(registry)
        )  # fmt: skip
    assert "Images not listed yet" in sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text


def test_what_keeps_itself_fresh_is_of_the_transfer_too(app: Flask, database: Database, registry: Registry) -> None:
    reference = fetched(database, registry, "retrieving")
    text = sign_in(app, "officer.zx1").get(f"/transactions/{reference}/live").text
    assert re.search(r'id="identity" hx-swap-oob.*?data-label="Images here".*?6 of 6.*?0 of 3', text, re.DOTALL)
    assert "Patient details are no longer kept" not in text


def test_who_sent_it_may_fetch_again_and_nobody_else(app: Flask, database: Database, registry: Registry) -> None:
    reference = fetched(database, registry, "needs-attention")
    client = sign_in(app, "officer.zx1")
    page = client.get(f"/transactions/{reference}").text
    assert "for 3 it answers A702" in page
    assert "Fetch what is missing again" in page
    theirs = sign_in(app, "officer.zx2").get(f"/transactions/{reference}").text
    assert "Fetch what is missing again" not in theirs
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    form = {"command": new_id(), "seen": "needs-attention", "csrf_token": token[1] if token else ""}
    assert client.post(f"/transactions/{reference}/fetch-again", data=form).status_code == 303
    with database.begin() as session:
        command = session.scalars(select(OutboxCommand).where(OutboxCommand.kind == "retry-transfer")).one()
        assert command.payload["seen"] == "needs-attention"


@pytest.mark.parametrize(
    ("other", "waits", "whose"),
    [
        ("sending", "", "ZX1"),
        ("on-worklist", "; 1 on ZX2's worklist, its PACS officer releases it", "ZX2 or ZX1"),
    ],
)
def test_a_study_that_is_held_is_the_senders_move(
    app: Flask, database: Database, registry: Registry, other: str, waits: str, whose: str
) -> None:
    reference = fetched(database, registry, "delivering", other)
    with database.begin() as session:
        held = Seed(session, registry).arrival("held")
        arrival = session.scalars(select(Arrival).where(Arrival.transaction_id == held.id)).one()
        session.scalars(select(Transfer)).one().studies[1].arrival_id = arrival.id
    text = sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text
    assert f"1 held at ZX1, its PACS officer decides{waits}." in unescape(text)
    assert f"<strong>Whose move:</strong> {whose}." in text


def test_of_two_deliveries_the_newer_says_how_a_study_stands(
    app: Flask, database: Database, registry: Registry
) -> None:
    """The older was withdrawn when a person chose another worklist of the same Institution."""
    reference = fetched(database, registry, "delivering")
    with database.begin() as session:
        newer = session.scalars(select(Delivery)).one()
        worklist = Worklist(institution_id="ZX2", name="Second", node_id=newer.node_id, is_default=False)
        session.add(worklist)
        session.flush()
        session.add(
            Delivery(
                institution_id="ZX2", transaction_id=newer.transaction_id, parcel_id=newer.parcel_id,
                worklist_id=worklist.id, node_id=newer.node_id, state="abandoned",
                created_at=newer.created_at - timedelta(minutes=1),
            )
        )  # fmt: skip
    page = sign_in(app, "officer.zx1").get(f"/transactions/{reference}").text
    assert "1 on ZX2's worklist" in unescape(page)


def test_support_reads_neither_whom_it_is_for_nor_why(app: Flask, database: Database, registry: Registry) -> None:
    reference = fetched(database, registry, "retrieving")
    text = sign_in(app, "support.zx2").get(f"/transactions/{reference}").text
    assert "Dr Example Reader" not in text
    assert "Second opinion" not in text
    assert "CT head" not in text


def test_the_destinations_worklist_says_whom_it_is_for(app: Flask, database: Database, registry: Registry) -> None:
    reference = fetched(database, registry, "delivering")
    text = sign_in(app, "officer.zx2").get("/worklist").text
    assert re.search(rf"Sent for</dt><dd>Dr Example Reader, <a[^>]*>{reference}</a>", text)
    assert "01632 960010" in text
    assert "Not requested" not in text


def test_where_a_study_goes_is_known_while_it_is_fetched(app: Flask, database: Database, registry: Registry) -> None:
    reference = fetched(database, registry, "retrieving")
    with database.begin() as session:
        transfer = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        seed = Seed(session, registry)
        coming, pushed, held = (seed.arrival(state) for state in ("receiving", "receiving", "held"))
        coming.follows_id = held.follows_id = transfer.id
        fetching = f"/transactions/{coming.reference}"
        others = [f"/transactions/{one.reference}" for one in (pushed, held)]
    client = sign_in(app, "officer.zx1")
    to = '<span class="nhsuk-u-visually-hidden">to</span> '
    assert f"{to}ZX2</span>" in client.get(fetching).text
    assert client.get("/transactions").text.count(f"{to}?") == 2
    for page in others:
        assert f"{to}?</span>" in client.get(page).text
    assert sign_in(app, "officer.zx2").get(fetching).status_code == 404, "it is not theirs yet"
