"""The journal: each step once, with what it changes, its audit entry and the transaction's summary, or none of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.deliveries import DeliveryActivities
from activities.journal import JournalActivities
from models.domain.contracts import CommandKind, Transition
from models.outbox import post
from models.tables import Arrival, AuditEntry, Delivery, Node, Transaction, TransitionRow, now
from tests.activities.parcels import Parcels
from tests.ingest.filling import small_ct


def step(
    subject_id: str, event: str, after: str, sequence: int = 1, lifecycle: str = "delivery", **more: Any
) -> Transition:
    values: dict[str, Any] = {"run_id": "run-1", "before": "before", "actor": "exchange", "at": now()} | more
    return Transition(lifecycle, subject_id, values.pop("run_id"), sequence, event, after=after, **values)


def record(parcels: Parcels, *transitions: Transition) -> None:
    parcels.environment.run(JournalActivities(parcels.database).record, transitions)


def command(parcels: Parcels, delivery_id: str, **content: str) -> str:
    with parcels.database.begin() as session:
        post(
            session,
            "0" * 32,
            institution_id="ZX2",
            kind=CommandKind.RELEASE_DELIVERY,
            subject_id=delivery_id,
            actor=parcels.filling.registry.accounts["officer.zx2"],
            content=content,
        )
    return "0" * 32


def delivery_of(parcels: Parcels, delivery_id: str) -> Delivery:
    with parcels.database.begin() as session:
        found = session.get_one(Delivery, delivery_id)
        assert found.node.name
        return found


def transitions(parcels: Parcels) -> list[TransitionRow]:
    with parcels.database.begin() as session:
        return list(session.scalars(select(TransitionRow).order_by(TransitionRow.id)))


def acts(parcels: Parcels, prefix: str) -> list[str]:
    with parcels.database.begin() as session:
        return [
            act for act in session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)) if act.startswith(prefix)
        ]


@pytest.fixture
def delivery(parcels: Parcels) -> str:
    return parcels.release(small_ct())


def test_a_step_is_written_once_for_its_run_and_sequence(parcels: Parcels, delivery: str) -> None:
    retried = step(delivery, "retried", "sending")
    record(parcels, retried)
    record(parcels, retried)
    assert delivery_of(parcels, delivery).round == 2, "its effect once, too"
    assert len(transitions(parcels)) == 1
    assert acts(parcels, "delivery") == ["delivery.retried"]
    record(parcels, step(delivery, "retried", "sending", sequence=2))
    record(parcels, step(delivery, "retried", "sending", run_id="run-2"))
    assert delivery_of(parcels, delivery).round == 4


def test_steps_that_come_together_are_written_together_and_each_once(parcels: Parcels, delivery: str) -> None:
    listed, released = step(delivery, "listed", "on-worklist"), step(delivery, "released", "sending", 2)
    record(parcels, listed)
    record(parcels, listed, released)
    assert [row.event for row in transitions(parcels)] == ["listed", "released"]
    assert acts(parcels, "delivery") == ["delivery.listed", "delivery.released"]
    assert delivery_of(parcels, delivery).state == "sending"


def test_of_steps_that_come_together_all_are_written_or_none(parcels: Parcels, delivery: str) -> None:
    with pytest.raises(ApplicationError):
        record(parcels, step(delivery, "sent", "sent"), step("0" * 32, "confirmed", "confirmed", 2))
    assert transitions(parcels) == []
    assert delivery_of(parcels, delivery).state == "sending"


def test_a_late_repetition_does_not_turn_the_state_back(parcels: Parcels, delivery: str) -> None:
    first, second = step(delivery, "sent", "sent"), step(delivery, "confirmed", "confirmed", 2)
    for transition in (first, second, first):
        record(parcels, transition)
    assert delivery_of(parcels, delivery).state == "confirmed"


def test_steps_of_two_lifecycles_of_one_transaction_do_not_wait_for_each_other(parcels: Parcels, delivery: str) -> None:
    """A step that is being written shares the key of its transaction; two that then wanted all of it would deadlock."""
    transaction_id = delivery_of(parcels, delivery).transaction_id
    shared = select(Transaction.id).where(Transaction.id == transaction_id).with_for_update(read=True, key_share=True)
    with parcels.database.begin() as session:
        assert session.scalars(shared).one()
        record(parcels, step(delivery, "sent", "sent"))
    assert delivery_of(parcels, delivery).state == "sent"


def test_the_transaction_shows_the_delivery_unless_its_arrival_is_held(parcels: Parcels, delivery: str) -> None:
    def summary() -> tuple[str, str]:
        with parcels.database.begin() as session:
            row = session.scalars(select(Transaction)).one()
            return row.lifecycle, row.state

    with parcels.database.begin() as session:
        arrival = session.scalars(select(Arrival.id)).one()
    record(parcels, step(delivery, "parked", "needs-attention"))
    assert summary() == ("delivery", "needs-attention")
    record(parcels, step(arrival, "contradicted", "held", 2, lifecycle="arrival"))
    assert summary() == ("arrival", "held")
    record(parcels, step(delivery, "retried", "sending", 3))
    assert summary() == ("arrival", "held")
    record(parcels, step(arrival, "assigned", "routed", 4, lifecycle="arrival"))
    assert summary() == ("delivery", "sending")


def test_a_release_by_a_person_uses_what_was_entered(parcels: Parcels, delivery: str) -> None:
    with parcels.database.begin() as session:
        session.get_one(Delivery, delivery).released_at = None
    content = command(parcels, delivery, patient_id=" L42 ", accession="A7")
    officer = parcels.filling.registry.accounts["officer.zx2"]
    released = step(delivery, "released", "sending", actor=officer, content_id=content)
    record(parcels, released)
    # Run again by support: what goes out once more is the same to the byte.
    record(parcels, step(delivery, "released", "sending", actor=officer, content_id=content, run_id="run-2"))
    row = delivery_of(parcels, delivery)
    assert row.identity is not None
    assert (row.identity["PatientID"], row.identity["AccessionNumber"]) == ("L42", "A7")
    assert (row.released_by, row.released_at) == (officer, released.at)


def test_what_a_person_released_it_under_outlives_a_look_at_the_worklist(parcels: Parcels, delivery: str) -> None:
    """It was reassigned, and somebody released it before the other worklist was looked at."""
    content = command(parcels, delivery, patient_id="L42", accession="A7")
    record(parcels, step(delivery, "released", "sending", actor="ann", content_id=content))
    DeliveryActivities(parcels.database).put_on_worklist(delivery)
    identity = delivery_of(parcels, delivery).identity
    assert identity is not None
    assert (identity["PatientID"], identity["AccessionNumber"]) == ("L42", "A7")


def test_a_release_without_a_local_id_keeps_what_was_found(parcels: Parcels, delivery: str) -> None:
    before = delivery_of(parcels, delivery).identity
    record(parcels, step(delivery, "released", "sending", content_id=command(parcels, delivery, patient_id="")))
    assert before is not None
    assert delivery_of(parcels, delivery).identity == before


@pytest.mark.parametrize("given", ["A\\B", "x" * 65])
def test_what_cannot_be_a_patient_id_is_not_replaced_by_another(parcels: Parcels, delivery: str, given: str) -> None:
    """The person meant a local ID: nothing else is sent in its place, the parcel is parked."""
    record(parcels, step(delivery, "released", "sending", content_id=command(parcels, delivery, patient_id=given)))
    assert delivery_of(parcels, delivery).identity is None


def test_a_redirection_goes_to_a_node_of_the_same_institution_only(parcels: Parcels, delivery: str) -> None:
    content = command(parcels, delivery, node_id=parcels.filling.registry.nodes["ZX3_PACS"])
    before = delivery_of(parcels, delivery).node_id
    record(parcels, step(delivery, "redirected", "sending", content_id=content))
    assert delivery_of(parcels, delivery).node_id == before


def test_a_redirection_sends_all_to_the_other_node(parcels: Parcels, delivery: str) -> None:
    with parcels.database.begin() as session:
        other = Node(institution_id="ZX2", name="ZX2_SECOND", ae_title="ZX2_SECOND", host="127.0.0.1", port=11999)
        session.add(other)
        session.flush()
        other_id = other.id
    record(parcels, step(delivery, "redirected", "sending", content_id=command(parcels, delivery, node_id=other_id)))
    row = delivery_of(parcels, delivery)
    assert (row.node_id, row.round) == (other_id, 2)
    assert row.identity is not None


def test_the_sender_s_id_is_never_bare_at_a_node_that_wants_it_prefixed(parcels: Parcels, delivery: str) -> None:
    """Also when a person released it as it was, in the form that the former Node wanted."""
    with parcels.database.begin() as session:
        other = Node(
            institution_id="ZX2",
            name="ZX2_PREFIX",
            ae_title="ZX2_PREFIX",
            host="127.0.0.1",
            port=11999,
            issuer_form="prefix",
            nhs_first=False,
        )
        session.add(other)
        session.flush()
        other_id = other.id
    record(parcels, step(delivery, "released", "sending", actor="officer.zx2"))
    content = command(parcels, delivery, node_id=other_id)
    record(parcels, step(delivery, "redirected", "sending", sequence=2, content_id=content))
    identity = delivery_of(parcels, delivery).identity
    assert identity is not None
    assert identity["PatientID"].startswith("ZX1")


def test_the_reason_a_person_gave_is_the_detail(parcels: Parcels, delivery: str) -> None:
    record(parcels, step(delivery, "abandoned", "abandoned", content_id=command(parcels, delivery, reason="Not ours.")))
    assert transitions(parcels)[0].detail == "Not ours."
    assert delivery_of(parcels, delivery).state_detail == "Not ours."


def test_a_step_of_a_node_belongs_to_no_transaction(parcels: Parcels) -> None:
    moved = step(parcels.node_id, "went-down", "down", lifecycle="node")
    record(parcels, moved)
    with parcels.database.begin() as session:
        node = session.get_one(Node, parcels.node_id)
        assert (node.state, node.state_since) == ("down", moved.at)
    assert transitions(parcels)[0].transaction_id is None
    assert transitions(parcels)[0].institution_id == "ZX2"


def test_a_step_of_nothing_fails_and_leaves_nothing(parcels: Parcels) -> None:
    with pytest.raises(ApplicationError):
        record(parcels, step("0" * 32, "sent", "sent"))
    assert transitions(parcels) == []
    assert acts(parcels, "delivery") == []
