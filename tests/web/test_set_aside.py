"""What a destination did not take: which images, why, and what may be done about them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from models.db import Database
from models.tables import AuditEntry, Delivery, Instance, LedgerEntry, Node, OutboxCommand
from tests.database import Registry, add_neuro
from tests.web.portal import Gateway, make, send, sign_in
from tests.web.seeded import Seed


@pytest.fixture
def app(database: Database, registry: Registry) -> Flask:
    return make(database, Gateway())


def seeded(database: Database, registry: Registry, state: str) -> str:
    with database.begin() as session:
        return f"/transactions/{Seed(session, registry).delivery(state).reference}"


def test_the_page_says_which_and_why_and_offers_the_ways_out(
    app: Flask, database: Database, registry: Registry
) -> None:
    page = seeded(database, registry, "needs-attention")
    text = sign_in(app, "officer.zx2").get(page).text
    assert "Images set aside" in text
    assert "<strong>2 images</strong>: class or transfer syntax not supported (0122)" in text
    assert "CT Image Storage, JPEG Lossless (Selection Value 1); number 5, 6 of 6 as they came" in text
    for way in ("Send uncompressed", "Leave out 2 images", "Send what is missing again", "Abandon"):
        assert way in text


@pytest.mark.parametrize(
    ("way", "kind", "officer"),
    [
        ("convert", "convert-delivery", "officer.zx2"),
        ("leave-out", "leave-out-delivery", "officer.zx1"),
    ],
)
def test_a_way_out_is_asked_for_with_its_reason(
    app: Flask, database: Database, registry: Registry, way: str, kind: str, officer: str
) -> None:
    page = seeded(database, registry, "needs-attention")
    client = sign_in(app, officer)
    assert send(client, page, f"{page}/{way}", reason=" ").status_code == 422
    assert send(client, page, f"{page}/{way}", reason="They are on film.").status_code == 303
    with database.begin() as session:
        command = session.scalars(select(OutboxCommand)).one()
        assert (command.kind, command.payload) == (
            kind,
            {"reason": "They are on film.", "round": 1, "seen": "needs-attention"},
        )
        assert session.scalars(select(AuditEntry).where(AuditEntry.act == f"asked.{kind}")).one().actor


def test_what_is_not_compressed_is_not_offered_to_be_converted(
    app: Flask, database: Database, registry: Registry
) -> None:
    page = seeded(database, registry, "needs-attention")
    with database.begin() as session:
        for instance in session.scalars(select(Instance)):
            instance.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    text = sign_in(app, "officer.zx2").get(page).text
    assert "Send uncompressed" not in text
    assert "Leave out 2 images" in text


def test_where_nothing_was_set_aside_nothing_is_left_out(app: Flask, database: Database, registry: Registry) -> None:
    page = seeded(database, registry, "needs-attention")
    with database.begin() as session:
        for entry in session.scalars(select(LedgerEntry).where(~LedgerEntry.accepted)):
            session.delete(entry)
    text = sign_in(app, "officer.zx2").get(page).text
    assert "Images set aside" not in text
    assert "Leave" not in text.partition("What you can do")[2].partition("Who to ring")[0]


def test_what_was_left_out_is_said_on_page_and_list(app: Flask, database: Database, registry: Registry) -> None:
    page = seeded(database, registry, "confirmed-in-part")
    client = sign_in(app, "officer.zx1")
    said = "Confirmed in part: 4 of 6 are in ZX2_PACS, by its own answer; 2 were left out by"
    for address in (page, "/transactions"):
        text = client.get(address).text
        assert said in text, address
        assert "They are on film." in text, address
    assert "2 images</strong>, left out: class or transfer syntax not supported (0122)" in client.get(page).text


def test_support_reads_no_reason_that_somebody_typed(app: Flask, database: Database, registry: Registry) -> None:
    page = seeded(database, registry, "confirmed-in-part")
    text = sign_in(app, "support.zx3").get(page).text
    assert "2 were left out by" in text
    assert "on film" not in text


def test_images_that_lie_where_a_delivery_went_before_are_said(
    app: Flask, database: Database, registry: Registry
) -> None:
    page = seeded(database, registry, "needs-attention")
    assert "keeps them" not in sign_in(app, "officer.zx2").get(page).text
    with database.begin() as session:
        add_neuro(session, "ZX2")
        delivery = session.scalars(select(Delivery)).one()
        delivery.node_id = session.scalars(select(Node.id).where(Node.name == "ZX2_NEURO")).one()
    for officer in ("officer.zx1", "officer.zx2"):
        assert "ZX2_PACS accepted 4 images and keeps them" in sign_in(app, officer).get(page).text
