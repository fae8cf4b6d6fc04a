"""Forwarding onward: only what the agreements allow, the same parcel, and once for each click."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from models.db import Database
from models.domain.errors import NotAllowed, NotFound
from models.domain.lifecycles import DELIVERY
from models.domain.lifecycles.request import State as RequestState
from models.forwarding import FORWARDABLE, forward
from models.tables import (
    Agreement,
    Arrival,
    AuditEntry,
    Candidate,
    Delivery,
    Instance,
    Institution,
    OutboxCommand,
    Transaction,
    new_id,
    now,
)
from tests.database import Registry
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_request


def delivered(database: Database, registry: Registry, state: str = "confirmed", *, onward: bool = True) -> str:
    """The id of what ZX1 sent to ZX2."""
    with database.begin() as session:
        session.get_one(Agreement, ("ZX1", "ZX2")).onward = onward
        one = Seed(session, registry).delivery(state, urgency="urgent")
        return session.scalars(select(Delivery.id).where(Delivery.transaction_id == one.id)).one()


def to(database: Database, registry: Registry, delivery_id: str, institution: str = "ZX3", **more: Any) -> str:
    given: dict[str, Any] = {
        "institution_id": "ZX2",
        "account_id": registry.accounts["officer.zx2"],
        "delivery_id": delivery_id,
        "worklist_id": registry.worklists[institution],
        "reason": "Neurosurgery is there.",
        "command_id": new_id(),
    }
    with database.begin() as session:
        return forward(session, **given | more)


@pytest.mark.parametrize("change", ["held", "growing", "stopped"])
def test_what_is_not_whole_and_certain_goes_nowhere(database: Database, registry: Registry, change: str) -> None:
    delivery_id = delivered(database, registry, "on-worklist")
    with database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        if change == "held":
            delivery.parcel.arrival.state = "held"
        elif change == "growing":
            delivery.parcel.sealed_at = None
        else:
            delivery.stopped = "The images carry different NHS numbers."
    with pytest.raises(NotAllowed, match="Not all of it has come, or ZX1 must decide about it first"):
        to(database, registry, delivery_id)


def count(database: Database, table: Any) -> int:
    with database.begin() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_same_parcel_goes_on_under_a_transaction_of_its_own(database: Database, registry: Registry) -> None:
    delivery_id = delivered(database, registry)
    reference = to(database, registry, delivery_id)
    with database.begin() as session:
        first = session.get_one(Delivery, delivery_id)
        onward = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        second = session.scalars(select(Delivery).where(Delivery.transaction_id == onward.id)).one()
        assert (onward.kind, onward.institution_id, onward.destination_id) == ("forward", "ZX2", "ZX3")
        assert (onward.follows_id, onward.urgency) == (first.transaction_id, "urgent")
        assert (onward.lifecycle, onward.state) == ("delivery", "waiting")
        assert (second.parcel_id, second.institution_id, second.state) == (first.parcel_id, "ZX3", "waiting")
        assert session.get_one(Transaction, first.transaction_id).destination_id == "ZX2", "the first stays as it was"
        command = session.scalars(select(OutboxCommand)).one()
        assert (command.kind, command.subject_id) == ("forward-delivery", second.id)
        told = session.scalars(select(AuditEntry.institution_id).where(AuditEntry.act == "delivery.forwarded")).all()
        assert sorted(filter(None, told)) == ["ZX1", "ZX2"], "the source's own audit says so too"


@pytest.mark.parametrize("state", list(DELIVERY.states))
def test_only_what_is_here_is_forwarded(database: Database, registry: Registry, state: str) -> None:
    delivery_id = delivered(database, registry, state)
    if state in FORWARDABLE:
        assert to(database, registry, delivery_id).startswith("T-")
        return
    with pytest.raises(NotAllowed, match="only what is on the worklist or was delivered"):
        to(database, registry, delivery_id)


def test_a_double_click_forwards_once(database: Database, registry: Registry) -> None:
    delivery_id, command_id = delivered(database, registry), new_id()
    first = to(database, registry, delivery_id, command_id=command_id)
    assert to(database, registry, delivery_id, command_id=command_id) == first
    assert count(database, Delivery) == 2
    with pytest.raises(NotFound):
        to(database, registry, delivery_id, command_id=command_id, account_id=registry.accounts["clinician.zx2"])
    with pytest.raises(NotAllowed, match="choose one of the worklists"):
        to(database, registry, delivery_id)


def test_the_source_s_agreement_must_allow_it(database: Database, registry: Registry) -> None:
    delivery_id = delivered(database, registry, onward=False)
    with pytest.raises(NotAllowed, match="ask ZX1 to send it there"):
        to(database, registry, delivery_id)
    with database.begin() as session:
        agreement = session.get_one(Agreement, ("ZX1", "ZX2"))
        agreement.onward, agreement.valid_to = True, now()
    with pytest.raises(NotAllowed, match="does not let you forward"):
        to(database, registry, delivery_id)
    assert (count(database, Delivery), count(database, OutboxCommand)) == (1, 0)


@pytest.mark.parametrize("there", ["ZX1", "ZX2", "closed", "no agreement"])
def test_it_goes_only_to_a_third_that_one_may_send_to(database: Database, registry: Registry, there: str) -> None:
    delivery_id = delivered(database, registry)
    with database.begin() as session:
        if there == "closed":
            session.get_one(Institution, "ZX3").closed = True
        if there == "no agreement":
            session.delete(session.get_one(Agreement, ("ZX2", "ZX3")))
    with pytest.raises(NotAllowed, match="choose one of the worklists"):
        to(database, registry, delivery_id, there if there.startswith("ZX") else "ZX3")


def test_what_is_no_longer_kept_is_not_forwarded(database: Database, registry: Registry) -> None:
    delivery_id = delivered(database, registry)
    with database.begin() as session:
        session.scalars(select(Instance).join(Arrival, Arrival.study_id == Instance.study_id)).first().purged_at = now()  # type: ignore[union-attr]
    with pytest.raises(NotAllowed, match="no longer kept"):
        to(database, registry, delivery_id)


def test_another_s_delivery_is_not_found(database: Database, registry: Registry) -> None:
    delivery_id = delivered(database, registry)
    for institution_id in ("ZX1", "ZX3"):
        with pytest.raises(NotFound):
            to(database, registry, delivery_id, institution_id=institution_id)
    with pytest.raises(NotFound):
        to(database, registry, new_id())


def test_what_was_asked_of_whoever_forwards_it_may_be_answered_by_it(database: Database, registry: Registry) -> None:
    """The numbers of the first source are not compared."""
    delivery_id = delivered(database, registry)
    with database.begin() as session:
        request = add_request(session, registry, RequestState.AWAITING_STUDY, source="ZX2", requester="ZX3")
        request.source_patient_id = "H77"
    to(database, registry, delivery_id)
    with database.begin() as session:
        (candidate,) = session.scalars(select(Candidate)).all()
        assert candidate.arrival_id == session.get_one(Delivery, delivery_id).parcel.arrival_id
        assert "NHS number" in candidate.agrees
        assert "source's patient ID" not in candidate.differs
