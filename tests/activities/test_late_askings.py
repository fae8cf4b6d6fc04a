"""A question that nobody awaits any more, for a person has decided meanwhile: what comes of it changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.dicom import DicomActivities
from activities.journal import JournalActivities
from models.domain.contracts import CommandKind, Transition
from models.outbox import post
from models.tables import Delivery, Node, OutboxCommand, new_id, now
from tests.activities.misbehaving import Misbehaving, misbehaving
from tests.activities.parcels import Parcels, ten
from tests.database import add_neuro

FAULT = "ZX2_NEURO is held; its PACS officer resumes it on the Nodes page."
Decide = Callable[[], None]


@pytest.fixture
def neuro(parcels: Parcels) -> str:
    """The id of another Node of the same destination."""
    with parcels.database.begin() as session:
        return add_neuro(session, "ZX2").node_id


def decided(parcels: Parcels, delivery_id: str, event: str, after: str, **content: str) -> None:
    """An officer's decision about what is sent, as the journal writes it."""
    command_id = new_id()
    with parcels.database.begin() as session:
        post(
            session,
            command_id,
            institution_id="ZX2",
            kind=CommandKind.REDIRECT_DELIVERY,
            subject_id=delivery_id,
            actor="officer",
            content=dict(content),
        )
    step = Transition("delivery", delivery_id, new_id(), 0, event, "sent", after, "officer", now(), "", command_id)
    ActivityEnvironment().run(JournalActivities(parcels.database).record, (step,))


def asked_too_long(parcels: Parcels, monkeypatch: pytest.MonkeyPatch, decide: Callable[[str], None], ends: str) -> str:
    """The id of a delivery about which somebody decided while its Node was asked; how that question `ends`."""
    find = Misbehaving.find
    asking, meanwhile = threading.Event(), threading.Event()

    def late(self: Misbehaving, event: Any) -> Iterator[tuple[int, Any]]:
        asking.set()
        assert meanwhile.wait(30)
        if ends == "cut":
            event.assoc.abort()
        return find(self, event) if ends == "answered" else iter(())

    def ask() -> None:
        try:
            ActivityEnvironment().run(DicomActivities(parcels.database, parcels.archive).compare, delivery_id)
        except Exception as error:  # noqa: BLE001 whatever it is, it is looked at below
            failed.append(error)

    failed: list[Exception] = []
    delivery_id = parcels.release(*ten())
    monkeypatch.setattr(Misbehaving, "find", late)
    with misbehaving() as peer:
        parcels.set_node(peer.port, dimse_timeout=20.0)
        assert parcels.send(delivery_id).accepted == 10
        with parcels.database.begin() as session:
            session.get_one(Delivery, delivery_id).state = "sent"
        thread = threading.Thread(target=ask)
        thread.start()
        assert asking.wait(10)
        decide(delivery_id)
        meanwhile.set()
        thread.join(30)
    assert bool(failed) is (ends == "cut"), failed
    return delivery_id


@pytest.mark.parametrize("ends", ["answered", "lacks", "cut"])
def test_it_says_nothing_about_the_node_that_it_was_redirected_to(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch, neuro: str, ends: str
) -> None:
    since = now()

    def redirect(delivery_id: str) -> None:
        decided(parcels, delivery_id, "redirected", "sending", node_id=neuro)
        with parcels.database.begin() as session:
            # The other Node was found to be away by then.
            delivery = session.get_one(Delivery, delivery_id)
            delivery.fault, delivery.fault_at, delivery.waiting_since = FAULT, since, since

    delivery_id = asked_too_long(parcels, monkeypatch, redirect, ends)
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        assert delivery.node_id == neuro
        assert (delivery.fault, delivery.waiting_since) == (FAULT, since)
        assert (delivery.present, delivery.missing) == (None, None)
        other = session.get_one(Node, neuro)
        assert (other.last_answer_at, other.last_fault_at) == (None, None)
        kinds = session.scalars(select(OutboxCommand.kind)).all()
        assert CommandKind.REPORT_NODE_FAULT not in kinds


@pytest.mark.parametrize(("event", "after"), [("abandoned", "abandoned"), ("found-missing", "sending")])
def test_nor_about_what_has_ended_or_goes_once_more(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch, event: str, after: str
) -> None:
    delivery_id = asked_too_long(parcels, monkeypatch, lambda one: decided(parcels, one, event, after), "cut")
    with parcels.database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        assert (delivery.fault, delivery.waiting_since) == ("", None)


def test_the_node_that_answered_late_has_answered_all_the_same(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch, neuro: str
) -> None:
    def redirect(delivery_id: str) -> None:
        with parcels.database.begin() as session:
            session.get_one(Node, parcels.node_id).last_answer_at = None
        decided(parcels, delivery_id, "redirected", "sending", node_id=neuro)

    asked_too_long(parcels, monkeypatch, redirect, "answered")
    with parcels.database.begin() as session:
        assert session.get_one(Node, parcels.node_id).last_answer_at is not None
