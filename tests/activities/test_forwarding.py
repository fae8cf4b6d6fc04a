"""A forwarded study: the third gets the same images, and the source is told under its own reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from activities.deliveries import DeliveryActivities
from activities.notices import MailHost, NoticeActivities
from models.domain.contracts import NoticeRequest
from models.forwarding import forward
from models.tables import Agreement, Delivery, Transaction, new_id, now
from tests.activities.parcels import Parcels
from tests.demo.programs import Program, program
from tests.ingest.filling import small_ct
from web.mailbox import read_mailbox


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Program]:
    with program(
        tmp_path / "log", "demo.pacs", "--ae-title", "ZX3_PACS", "--folder", str(tmp_path / "pacs")
    ) as running:
        yield running


@pytest.fixture
def onward(parcels: Parcels) -> str:
    """The id of the delivery to ZX3 of what ZX1 sent to ZX2."""
    delivery_id = parcels.release(small_ct(1), small_ct(2))
    with parcels.database.begin() as session:
        session.get_one(Agreement, ("ZX1", "ZX2")).onward = True
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state = "confirmed"
        delivery.parcel.sealed_at, delivery.parcel.arrival.state = now(), "routed"
        reference = forward(
            session,
            institution_id="ZX2",
            account_id=parcels.filling.registry.accounts["officer.zx2"],
            delivery_id=delivery_id,
            worklist_id=parcels.filling.registry.worklists["ZX3"],
            reason="Neurosurgery is there.",
            command_id=new_id(),
        )
        found = select(Delivery.id).join(Transaction, Transaction.id == Delivery.transaction_id)
        return session.scalars(found.where(Transaction.reference == reference)).one()


def test_it_is_put_on_the_third_s_worklist_and_sent_as_it_came(parcels: Parcels, pacs: Program, onward: str) -> None:
    listing = DeliveryActivities(parcels.database).put_on_worklist(onward)
    assert (listing.automatic, listing.forwarded) == (False, True)
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, onward)
        delivery.released_at, delivery.state = now(), "sending"
        delivery.node.port = pacs.port
        assert delivery.identity is not None
        assert delivery.identity["IssuerOfPatientID"] == "ZX1", "the patient's ID is still the source's"
    assert parcels.send(onward).accepted == 2
    assert parcels.compare(onward).present == 2


def test_the_source_is_told_under_the_reference_that_it_knows(parcels: Parcels, tmp_path: Path, onward: str) -> None:
    with program(tmp_path / "log", "demo.mailbox", "--folder", str(tmp_path / "mail")) as mailbox:
        host = MailHost("127.0.0.1", mailbox.port, "exchange@exchange.example")
        activities = NoticeActivities(parcels.database, host, "http://127.0.0.1:8080")
        request = NoticeRequest("forwarded:1", "delivery-forwarded", onward)
        assert parcels.environment.run(activities.tell, request) == 1
        (mail,) = read_mailbox(tmp_path / "mail", 9)
    with parcels.database.begin() as session:
        pushed = session.scalars(select(Transaction.reference).where(Transaction.kind == "push")).one()
        forwarded = session.scalars(select(Transaction.reference).where(Transaction.kind == "forward")).one()
    assert mail.recipients == ("imaging@zx1.example",)
    assert "ZX2 has forwarded a study that came from you to ZX3" in " ".join(mail.body.split())
    assert pushed in mail.body
    assert forwarded not in mail.body
    assert "Neurosurgery" not in mail.body
