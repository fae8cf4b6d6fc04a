"""What comes in answer to requests, as the database decides it: who gets it, how far a request is, what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from models.domain.contracts import CommandKind
from models.domain.request_contracts import RequestProgress
from models.domain.urgency import Urgency
from models.requests import StudyEntry
from models.tables import (
    Agreement,
    Arrival,
    ArrivalInstance,
    Delivery,
    ImageRequest,
    Instance,
    OutboxCommand,
    RequestedStudy,
    Transaction,
    now,
)
from tests.activities.desk import NAMESAKE, ONE_STUDY, WITH_PRIORS, Desk
from tests.models.test_requests import ENTRY
from tests.workflows.rows import BETA, command


def test_what_is_certain_is_offered_and_kept_with_its_reasons(desk: Desk) -> None:
    request, arrival = desk.place(), desk.push()
    verdict = desk.route(arrival)
    assert (verdict.matches, verdict.reason is not None, verdict.delivery_id) == ((request,), True, "")
    (candidate,) = desk.candidates()
    assert candidate.is_certain
    assert (set(candidate.agrees), candidate.differs) == (
        {"NHS number", "birth date", "family name", "given name", "modality"}, [],
    )  # fmt: skip
    assert desk.deliveries() == []


def test_what_is_only_possible_is_kept_for_a_person(desk: Desk) -> None:
    desk.place()
    verdict = desk.route(desk.push(patient=NAMESAKE))
    assert verdict.matches == ()
    assert [candidate.is_certain for candidate in desk.candidates()] == [False]


@pytest.mark.parametrize("state", ["answered", "declined", "withdrawn", "expired", "fulfilled"])
def test_what_is_not_open_is_not_offered(desk: Desk, state: str) -> None:
    desk.place(state=state)
    assert desk.route(desk.push()).matches == ()
    assert desk.candidates() == []


def test_another_patient_is_nothing(desk: Desk) -> None:
    desk.place()
    assert desk.route(desk.push(patient=BETA)).matches == ()
    assert desk.candidates() == []


def test_whoever_may_not_get_it_is_not_offered_it(desk: Desk) -> None:
    desk.place()
    with desk.database.begin() as session:
        session.get_one(Agreement, ("ZX1", "ZX3")).valid_to = now()
    assert desk.route(desk.push()).matches == ()


def test_a_destination_that_is_named_and_cannot_be_used_contradicts_a_request(desk: Desk) -> None:
    desk.place()
    assert desk.route(desk.push(called="IEP_ZX1")).matches == ()


def test_what_is_addressed_to_one_goes_to_another_by_itself_only_where_the_source_has_accepted(desk: Desk) -> None:
    desk.place("ZX3", state="awaiting-source")
    assert desk.route(desk.push(called="IEP_ZX2")).matches == ()
    assert [candidate.is_certain for candidate in desk.candidates()] == [True]


def test_a_named_destination_and_a_request_both_get_it(desk: Desk) -> None:
    request, arrival = desk.place("ZX3"), desk.push(called="IEP_ZX2")
    desk.record("request", request, "accepted", "awaiting-study", actor="somebody")
    verdict = desk.route(arrival)
    assert (verdict.matches, verdict.reason) == ((request,), None)
    desk.takes(request, arrival)
    answered = desk.answer(arrival)
    assert [delivery.institution_id for delivery in desk.deliveries()] == ["ZX2", "ZX3"]
    with desk.database.begin() as session:
        own, copy = (
            session.get_one(Transaction, delivery.transaction_id)
            for delivery in session.scalars(select(Delivery).order_by(Delivery.created_at))
        )
        assert (own.kind, own.destination_id, copy.kind, copy.destination_id) == ("push", "ZX2", "copy", "ZX3")
        assert (copy.institution_id, copy.follows_id, copy.urgency) == ("ZX1", own.id, "urgent")
        assert own.urgency == "routine"
    assert [start.urgency for start in answered.deliveries] == [Urgency.URGENT]


def test_one_that_is_named_and_asks_gets_it_once(desk: Desk) -> None:
    request, arrival = desk.place("ZX2"), desk.push(called="IEP_ZX2")
    verdict = desk.route(arrival)
    desk.takes(request, arrival)
    answered = desk.answer(arrival)
    assert [start.delivery_id for start in answered.deliveries] == [verdict.delivery_id]
    assert len(desk.deliveries()) == 1


def test_two_requesters_get_the_same_parcel_each_under_its_own_transaction(desk: Desk) -> None:
    routine = desk.place("ZX3", replace(ONE_STUDY, urgency=Urgency.ROUTINE))
    urgent, arrival = desk.place("ZX2"), desk.push()
    assert set(desk.route(arrival).matches) == {routine, urgent}
    desk.takes(routine, arrival)
    desk.takes(urgent, arrival)
    answered = desk.answer(arrival)
    assert answered == desk.answer(arrival)
    first, second = desk.deliveries()
    assert first.parcel_id == second.parcel_id
    # The more urgent one goes under the transaction of the push itself.
    assert (first.institution_id, second.institution_id) == ("ZX2", "ZX3")
    assert [start.urgency for start in answered.deliveries] == [Urgency.URGENT, Urgency.URGENT]
    with desk.database.begin() as session:
        push = session.get_one(Arrival, arrival).transaction
        copy = session.get_one(Transaction, second.transaction_id)
        assert (push.destination_id, push.id, copy.follows_id) == ("ZX2", first.transaction_id, push.id)
        own = session.get_one(ImageRequest, urgent).transaction.reference
    # Who else has asked for it is not for ZX2 to read.
    assert answered.detail == f"In answer to {own}."


def test_late_images_go_to_whoever_took_their_study(desk: Desk) -> None:
    request, first = desk.place(), desk.push()
    desk.route(first)
    desk.takes(request, first)
    desk.answer(first)
    with desk.database.begin() as session:
        session.get_one(ImageRequest, request).state = "fulfilled"
    late = desk.push("2", follows=first)
    verdict = desk.route(late)
    assert (verdict.matches, len(verdict.late)) == ((), 1)
    assert desk.deliveries()[1].institution_id == "ZX3"
    assert desk.route(late) == verdict


def test_a_request_is_as_far_as_its_deliveries(desk: Desk) -> None:
    request, arrival = desk.place(), desk.push()
    assert desk.progress(request) == RequestProgress(1, 0, 0, 0, 0)
    desk.route(arrival)
    desk.takes(request, arrival)
    desk.takes(request, arrival)
    assert desk.progress(request) == RequestProgress(0, 1, 0, 0, 0)
    desk.answer(arrival)
    assert desk.progress(request) == RequestProgress(0, 1, 0, 0, 0)
    desk.ends(desk.deliveries()[0].id, "confirmed", "confirmed")
    assert desk.progress(request) == RequestProgress(0, 1, 1, 0, 0)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("confirmed", "confirmed"),
        ("found-unverifiable", "unverifiable"),
        ("refused", "refused"),
        ("abandoned", "abandoned"),
    ],
)
def test_the_end_of_a_delivery_is_word_to_its_request_and_to_no_other(desk: Desk, event: str, state: str) -> None:
    request, arrival = desk.place("ZX3"), desk.push(called="IEP_ZX2")
    desk.route(arrival)
    desk.takes(request, arrival)
    desk.answer(arrival)
    for delivery in desk.deliveries():
        desk.ends(delivery.id, event, state)
    with desk.database.begin() as session:
        looks = select(OutboxCommand.subject_id).where(OutboxCommand.kind == CommandKind.LOOK_AT_REQUEST.value)
        assert session.scalars(looks).all() == [request]


def test_what_was_refused_is_wanted_again_and_not_answered_by_the_same(desk: Desk) -> None:
    request, arrival = desk.place(), desk.push()
    desk.route(arrival)
    desk.takes(request, arrival)
    desk.answer(arrival)
    desk.ends(desk.deliveries()[0].id, "refused", "refused")
    assert desk.progress(request) == RequestProgress(0, 1, 0, 1, 0)
    desk.record("request", request, "reopened", "awaiting-source")
    assert desk.progress(request) == RequestProgress(1, 0, 0, 0, 0)
    assert desk.answer(arrival).deliveries == ()
    assert desk.route(arrival).matches == ()
    assert desk.route(desk.push("2")).matches == (request,)


def taken_late(desk: Desk, called: str = "IEP") -> tuple[str, str]:
    """A request that took an arrival which has opened no delivery for it."""
    request, arrival = desk.place(), desk.push(called=called)
    desk.record("request", request, "accepted", "awaiting-study", actor="somebody")
    desk.route(arrival)
    desk.takes(request, arrival)
    assert desk.progress(request) == RequestProgress(0, 1, 0, 0, 0), "it may go there yet"
    return request, arrival


@pytest.mark.parametrize(("called", "event", "state"), [("IEP", "refused", "refused"), ("IEP_ZX2", "routed", "routed")])
def test_what_was_taken_and_ended_without_going_there_is_wanted_again(
    desk: Desk, called: str, event: str, state: str
) -> None:
    request, arrival = taken_late(desk, called)
    desk.record("arrival", arrival, event, state)
    assert desk.progress(request) == RequestProgress(0, 1, 0, 1, 0)
    with desk.database.begin() as session:
        looks = select(OutboxCommand.subject_id).where(OutboxCommand.kind == CommandKind.LOOK_AT_REQUEST.value)
        assert session.scalars(looks).all() == [request]
    desk.record("request", request, "reopened", "awaiting-source")
    assert desk.progress(request) == RequestProgress(1, 0, 0, 0, 0)


def test_who_gets_what_it_took_needs_no_word(desk: Desk) -> None:
    _, arrival = taken_late(desk)
    desk.answer(arrival)
    desk.record("arrival", arrival, "matched", "matched")
    with desk.database.begin() as session:
        looks = select(OutboxCommand.id).where(OutboxCommand.kind == CommandKind.LOOK_AT_REQUEST.value)
        assert session.scalars(looks).all() == []


def test_what_turns_out_to_be_of_two_patients_goes_to_nobody_who_took_it(desk: Desk) -> None:
    _, arrival = taken_late(desk)
    another = desk.push("2", patient=BETA)
    with desk.database.begin() as session:
        study = session.get_one(Arrival, arrival).study_id
        image = select(Instance).join(ArrivalInstance).where(ArrivalInstance.arrival_id == another)
        session.scalars(image).one().study_id = study
    assert desk.answer(arrival).deliveries == ()
    assert desk.deliveries() == []


def test_priors_are_answered_by_two(desk: Desk) -> None:
    request = desk.place(entry=WITH_PRIORS)
    for number, wanted in (("1", 1), ("2", 0)):
        arrival = desk.push(number)
        with desk.database.begin() as session:
            session.get_one(Arrival, arrival).study.StudyDate = f"{now():%Y%m%d}"
        assert desk.route(arrival).matches == (request,)
        desk.takes(request, arrival)
        assert desk.progress(request).wanted == wanted
    assert desk.study(request).state == "answered"


@pytest.mark.parametrize(("came", "state"), [(0, "declined"), (1, "answered")])
def test_priors_of_which_the_source_has_no_more_are_closed(desk: Desk, came: int, state: str) -> None:
    request = desk.place(entry=WITH_PRIORS)
    for _ in range(came):
        arrival = desk.push()
        desk.route(arrival)
        desk.takes(request, arrival)
    with desk.database.begin() as session:
        why = command(
            session, CommandKind.DECLINE_STUDY_REQUEST, request,
            requested_study_id=desk.study(request).id, reason="No further ones.",
        )  # fmt: skip
    desk.record("request", request, "declined-in-part", "partly-answered", content_id=why)
    assert (desk.study(request).state, desk.study(request).reason) == (
        (state, "No further ones.") if state == "declined" else (state, "")
    )


def test_declining_the_rest_leaves_what_came(desk: Desk) -> None:
    entry = replace(
        ENTRY, studies=(StudyEntry(description="CT head", Modality="CT"), StudyEntry(StudyInstanceUID="2.25.1234"))
    )
    request, arrival = desk.place(entry=entry), desk.push()
    desk.route(arrival)
    desk.takes(request, arrival)
    desk.record("request", request, "declined-in-part", "partly-answered", detail="Not sent in time.")
    assert desk.progress(request) == RequestProgress(0, 1, 0, 0, 1)
    with desk.database.begin() as session:
        assert session.scalars(select(RequestedStudy.reason).order_by(RequestedStudy.position)).all() == [
            "", "Not sent in time.",
        ]  # fmt: skip
