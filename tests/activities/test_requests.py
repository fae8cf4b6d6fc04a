"""What a person chooses for a held study, reminders as they are counted, and what steps change in their rows."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.deliveries import NOT_THERE, DeliveryActivities
from activities.requests import RequestActivities
from models.domain.contracts import CommandKind, WorklistQuestion
from models.domain.request_contracts import MatchChoice, ReminderDue
from models.tables import (
    Agreement,
    Delivery,
    ImageRequest,
    TransitionRow,
    Worklist,
    now,
)
from tests.activities.desk import NAMESAKE, Desk
from tests.database import add_neuro
from tests.workflows.rows import command


def chosen(desk: Desk, arrival: str, study_id: str) -> str:
    with desk.database.begin() as session:
        choice = command(session, CommandKind.MATCH_ARRIVAL, arrival, requested_study_id=study_id)
    return desk.environment.run(RequestActivities(desk.database).chosen, MatchChoice(arrival, choice))


def test_a_person_may_match_what_is_only_possible(desk: Desk) -> None:
    request, arrival = desk.place(), desk.push(patient=NAMESAKE)
    desk.route(arrival)
    study = desk.study(request)
    assert chosen(desk, arrival, study.id) == request
    desk.takes(request, arrival, requested_study_id=study.id)
    assert len(desk.answer(arrival).deliveries) == 1


def test_an_offer_takes_nothing_that_is_only_possible(desk: Desk) -> None:
    request, arrival = desk.place(), desk.push(patient=NAMESAKE)
    desk.route(arrival)
    desk.takes(request, arrival)
    assert desk.answer(arrival).deliveries == ()
    assert desk.study(request).state == "wanted"


def test_a_person_may_not_match_what_cannot_be(desk: Desk) -> None:
    request, other, arrival = desk.place(), desk.place("ZX2"), desk.push()
    study = desk.study(request)
    with desk.database.begin() as session:
        session.get_one(Agreement, ("ZX1", "ZX3")).valid_to = now()
        session.get_one(ImageRequest, other).state = "withdrawn"
    for study_id, words in (
        (study.id, "No agreement lets ZX1 send to ZX3"),
        (desk.study(other).id, "is withdrawn"),
        ("nobody's", "no such request"),
    ):
        with pytest.raises(ApplicationError, match=words) as refusal:
            chosen(desk, arrival, study_id)
        assert refusal.value.non_retryable


def test_a_person_may_not_match_what_has_ended_at_the_requester_on_another_worklist(desk: Desk) -> None:
    """A match would send nothing, and the request would open again."""
    arrival = desk.push(patient=NAMESAKE, called="IEP_ZX3")
    desk.route(arrival)
    (delivery,) = desk.deliveries()
    request = desk.place()
    with desk.database.begin() as session:
        session.get_one(Delivery, delivery.id).worklist_id = add_neuro(session, "ZX3").id
    desk.ends(delivery.id, "refused", "refused")
    with pytest.raises(ApplicationError, match="It was refused there before; push it again"):
        chosen(desk, arrival, desk.study(request).id)


def test_a_persons_decision_dismisses_the_other_candidates(desk: Desk) -> None:
    desk.place()
    arrival = desk.push(patient=NAMESAKE)
    desk.route(arrival)
    desk.record("arrival", arrival, "refused", "refused", actor="ann")
    (candidate,) = desk.candidates()
    assert (candidate.dismissed_at is not None, candidate.actor) == (True, "ann")


def test_reminders_are_counted_once(desk: Desk) -> None:
    request = desk.place()
    activities = RequestActivities(desk.database)
    first = desk.environment.run(activities.outlook, request)
    assert first.remind_at is not None
    assert first == desk.environment.run(activities.outlook, request)
    due = ReminderDue(request, first.remind_at)
    second = desk.environment.run(activities.reminded, due)
    assert second.remind_at is not None
    assert second.remind_at > first.remind_at
    assert desk.environment.run(activities.reminded, due) == second
    assert not second.remind_requester
    third = desk.environment.run(activities.reminded, ReminderDue(request, second.remind_at))
    assert third.remind_requester
    # Whoever is to move next is reminded anew.
    desk.record("request", request, "accepted", "awaiting-study")
    assert not desk.environment.run(activities.outlook, request).remind_requester


def test_what_moves_and_leaves_the_state_as_it_was_does_not_begin_the_reminders_anew(desk: Desk) -> None:
    """They count from when the state began: begun anew, the next would lie in the past and go out at once."""
    request = desk.place(state="partly-answered")
    activities = RequestActivities(desk.database)
    first = desk.environment.run(activities.outlook, request)
    assert first.remind_at is not None
    second = desk.environment.run(activities.reminded, ReminderDue(request, first.remind_at))
    desk.record("request", request, "declined-in-part", "partly-answered", before="partly-answered")
    assert desk.environment.run(activities.outlook, request) == second


def test_a_request_shows_its_own_state(desk: Desk) -> None:
    request = desk.place()
    desk.record("request", request, "accepted", "awaiting-study", actor="ann")
    with desk.database.begin() as session:
        row = session.get_one(ImageRequest, request)
        assert (row.state, row.transaction.lifecycle, row.transaction.state) == (
            "awaiting-study", "request", "awaiting-study",
        )  # fmt: skip


def test_reassigned_waits_on_the_other_worklist_of_the_same_institution(desk: Desk) -> None:
    desk.route(desk.push(called="IEP_ZX3"))
    (delivery,) = desk.deliveries()
    with desk.database.begin() as session:
        node = session.get_one(Worklist, delivery.worklist_id).node_id
        second = Worklist(institution_id="ZX3", name="Neuro", node_id=node, is_default=False)
        session.add(second)
        session.flush()
        there, elsewhere = (
            command(session, CommandKind.REASSIGN_DELIVERY, delivery.id, worklist_id=worklist)
            for worklist in (second.id, desk.registry.worklists["ZX2"])
        )
    desk.record("delivery", delivery.id, "reassigned", "on-worklist", content_id=there)
    assert desk.deliveries()[0].worklist_id == second.id
    desk.record("delivery", delivery.id, "reassigned", "on-worklist", content_id=elsewhere)
    assert desk.deliveries()[0].worklist_id == second.id
    with desk.database.begin() as session:
        told = select(TransitionRow.detail).where(TransitionRow.event == "reassigned").order_by(TransitionRow.id)
        first = session.get_one(Worklist, desk.registry.worklists["ZX3"]).name
        assert list(session.scalars(told)) == [f"From {first} to Neuro.", ""]
        assert desk.deliveries()[0].state_detail == "", "the sentence says where it waits"


def test_it_is_not_reassigned_to_where_the_same_images_wait_or_to_others(desk: Desk) -> None:
    desk.route(desk.push(called="IEP_ZX3"))
    (delivery,) = desk.deliveries()
    with desk.database.begin() as session:
        has_it, free = (
            Worklist(institution_id="ZX3", name=name, node_id=delivery.node_id, is_default=False)
            for name in ("Neuro", "Body")
        )
        session.add_all([has_it, free])
        session.flush()
        session.add(
            Delivery(
                institution_id="ZX3", transaction_id=delivery.transaction_id, parcel_id=delivery.parcel_id,
                worklist_id=has_it.id, node_id=delivery.node_id, created_at=now(),
            )
        )  # fmt: skip
        chosen = [
            command(session, CommandKind.REASSIGN_DELIVERY, delivery.id, worklist_id=worklist_id)
            for worklist_id in (has_it.id, desk.registry.worklists["ZX2"], "gone", free.id)
        ]
        released = command(session, CommandKind.RELEASE_DELIVERY, delivery.id, patient_id="H1")
    said = [
        desk.environment.run(
            DeliveryActivities(desk.database).moved_away, WorklistQuestion(delivery.id, delivery.worklist_id, content)
        )
        for content in (*chosen, released, "")
    ]
    assert said == [NOT_THERE, NOT_THERE, NOT_THERE, "", "", ""]
