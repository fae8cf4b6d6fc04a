"""Several studies of one request, and several arrivals for it: each study is answered by one arrival of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.requests import RequestActivities
from models.domain.contracts import CommandKind
from models.domain.request_contracts import Recognition
from models.requests import StudyEntry
from models.tables import Agreement, Arrival, Candidate, RequestedStudy, TransitionRow, now
from tests.activities.desk import NAMESAKE, ONE_STUDY, WITH_PRIORS, Desk
from tests.workflows.rows import command

TWO_STUDIES = replace(
    ONE_STUDY,
    studies=(StudyEntry(description="CT head", Modality="CT"), StudyEntry(description="CT neck", Modality="CT")),
)
ONE_AND_PRIORS = replace(
    ONE_STUDY, studies=(StudyEntry(description="CT head", Modality="CT"), StudyEntry(is_prior=True))
)


def states(desk: Desk, request_id: str) -> list[str]:
    with desk.database.begin() as session:
        wanted = select(RequestedStudy.state).where(RequestedStudy.request_id == request_id)
        return list(session.scalars(wanted.order_by(RequestedStudy.position)))


def test_two_that_settle_together_answer_a_study_each(desk: Desk) -> None:
    request, arrivals = desk.place(entry=TWO_STUDIES), (desk.push("1"), desk.push("2"))
    for arrival in arrivals:
        assert desk.route(arrival).matches == (request,)
    for arrival in arrivals:
        desk.takes(request, arrival)
    assert states(desk, request) == ["answered", "answered"]
    assert [len(desk.answer(arrival).deliveries) for arrival in arrivals] == [1, 1]


def test_a_third_answers_nothing_and_goes_nowhere(desk: Desk) -> None:
    request, arrivals = desk.place(entry=TWO_STUDIES), [desk.push(number) for number in "123"]
    for arrival in arrivals:
        desk.route(arrival)
    for arrival in arrivals:
        desk.takes(request, arrival)
    assert [len(desk.answer(arrival).deliveries) for arrival in arrivals] == [1, 1, 0]


def test_one_arrival_that_is_offered_again_is_one_answer(desk: Desk) -> None:
    request, arrival = desk.place(entry=TWO_STUDIES), desk.push()
    desk.route(arrival)
    desk.takes(request, arrival)
    desk.takes(request, arrival)
    assert states(desk, request) == ["answered", "wanted"]


def test_the_study_itself_is_no_prior_of_its_own(desk: Desk) -> None:
    request, first = desk.place(entry=ONE_AND_PRIORS), desk.push("1")
    desk.route(first)
    desk.takes(request, first)
    with desk.database.begin() as session:
        session.get_one(Arrival, first).sealed_at = now()
    again = desk.push("2")
    with desk.database.begin() as session:
        session.get_one(Arrival, again).study_id = session.get_one(Arrival, first).study_id
    assert desk.route(again).matches == ()


@pytest.mark.parametrize("late", [True, False])
def test_images_follow_their_study_for_a_day_and_no_longer(desk: Desk, late: bool) -> None:
    request, first = desk.place(), desk.push("1")
    desk.route(first)
    desk.takes(request, first)
    follower = desk.push("2", follows=first)
    if late:
        with desk.database.begin() as session:
            session.get_one(Arrival, first).sealed_at = now() - timedelta(days=2)
    assert bool(desk.route(follower).late) is not late


def test_they_follow_only_while_the_agreement_lasts(desk: Desk) -> None:
    request, first = desk.place(), desk.push("1")
    desk.route(first)
    desk.takes(request, first)
    follower = desk.push("2", follows=first)
    with desk.database.begin() as session:
        session.get_one(Agreement, ("ZX1", "ZX3")).valid_to = now()
    assert desk.route(follower).late == ()


def test_declining_one_study_is_no_acceptance_of_the_other(desk: Desk) -> None:
    request = desk.place("ZX3", TWO_STUDIES, state="partly-answered")
    assert desk.route(desk.push("1", called="IEP_ZX2")).matches == ()
    desk.record("request", request, "accepted", "awaiting-study", actor="somebody")
    with desk.database.begin() as session:
        assert session.scalars(select(TransitionRow.event)).all() == ["accepted"]
    assert desk.route(desk.push("2", called="IEP_ZX2")).matches == (request,)


def test_what_was_said_to_be_no_answer_stays_none(desk: Desk) -> None:
    request, arrival = desk.place(entry=WITH_PRIORS), desk.push()
    desk.route(arrival)
    with desk.database.begin() as session:
        session.scalars(select(Candidate)).one().dismissed_at = now()
    desk.takes(request, arrival)
    assert states(desk, request) == ["wanted"]


def chosen(desk: Desk, request: str, arrival: str = "") -> Recognition:
    with desk.database.begin() as session:
        study = session.scalars(select(RequestedStudy).where(RequestedStudy.request_id == request)).first()
        assert study is not None
        content = {"requested_study_id": study.id, "arrival_id": arrival}
        return Recognition(request, command(session, CommandKind.MATCH_REQUEST, request, **content))


def test_a_person_recognises_what_goes_to_the_requester(desk: Desk) -> None:
    request, arrival = desk.place("ZX2"), desk.push(patient=NAMESAKE, called="IEP_ZX2")
    assert desk.route(arrival).matches == ()
    activities = RequestActivities(desk.database)
    found = desk.environment.run(activities.recognised, chosen(desk, request, arrival))
    assert found == arrival
    desk.takes(request, found, requested_study_id=desk.study(request).id)
    assert states(desk, request) == ["answered"]
    with pytest.raises(ApplicationError, match="That study is answered already"):
        desk.environment.run(activities.recognised, chosen(desk, request, arrival))
    with pytest.raises(ApplicationError, match="Too late: that study is answered already"):
        desk.environment.run(activities.must_be_wanted, chosen(desk, request))


def test_what_does_not_go_there_is_not_recognised(desk: Desk) -> None:
    request, arrival = desk.place("ZX3"), desk.push(patient=NAMESAKE, called="IEP_ZX2")
    desk.route(arrival)
    with pytest.raises(ApplicationError, match="does not go to ZX3; push it to IEP_ZX3"):
        desk.environment.run(RequestActivities(desk.database).recognised, chosen(desk, request, arrival))


def test_one_study_of_several_is_declined_only_while_it_is_wanted(desk: Desk) -> None:
    request = desk.place(entry=TWO_STUDIES)
    activities = RequestActivities(desk.database)
    desk.environment.run(activities.must_be_wanted, chosen(desk, request))
    other = desk.place("ZX2")
    wrong = Recognition(request, chosen(desk, other).content_id)
    with pytest.raises(ApplicationError, match="no such study in this request"):
        desk.environment.run(activities.must_be_wanted, wrong)


def test_late_images_that_are_refused_do_not_undo_a_study_that_is_there(desk: Desk) -> None:
    request, first = desk.place(), desk.push("1")
    desk.route(first)
    desk.takes(request, first)
    (there,) = desk.answer(first).deliveries
    follower = desk.push("2", follows=first)
    (late,) = desk.route(follower).late
    desk.ends(late.delivery_id, "refused", "refused")
    assert desk.progress(request).failed == 0, "its study is still on its way"
    desk.ends(there.delivery_id, "confirmed", "confirmed")
    told = desk.progress(request)
    assert (told.wanted, told.answered, told.delivered, told.failed) == (0, 1, 1, 0)


def test_a_study_that_is_refused_with_all_its_late_images_has_failed(desk: Desk) -> None:
    request, first = desk.place(), desk.push("1")
    desk.route(first)
    desk.takes(request, first)
    (there,) = desk.answer(first).deliveries
    (late,) = desk.route(desk.push("2", follows=first)).late
    for delivery in (there, late):
        desk.ends(delivery.delivery_id, "refused", "refused")
    assert desk.progress(request).failed == 2
