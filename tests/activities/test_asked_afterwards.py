"""A request that is written after its study was pushed: neither side misses the other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from activities.requests import RequestActivities
from models.domain.contracts import CommandKind
from models.domain.request_contracts import Recognition
from models.domain.urgency import Urgency
from models.tables import Delivery, OutboxCommand, Transaction
from tests.activities.desk import ONE_STUDY, Desk
from tests.workflows.rows import command


def test_what_went_to_the_requester_before_it_asked_is_recognised(desk: Desk) -> None:
    """Somebody rang, it was pushed, and the request came last."""
    arrival = desk.push(called="IEP_ZX2")
    desk.route(arrival)
    desk.record("arrival", arrival, "routed", "routed")
    request = desk.place("ZX2")
    with desk.database.begin() as session:
        study = desk.study(request).id
        said = command(session, CommandKind.MATCH_REQUEST, request, requested_study_id=study, arrival_id=arrival)
    recognition = Recognition(request, said)
    assert desk.environment.run(RequestActivities(desk.database).recognised, recognition) == arrival


@pytest.mark.parametrize(
    ("state", "told"),
    [("sending", [{"urgency": "life-critical"}]), ("on-worklist", [{"urgency": "life-critical"}]), ("confirmed", [])],
)
def test_what_is_recognised_is_as_urgent_as_what_it_answers(desk: Desk, state: str, told: list[object]) -> None:
    arrival = desk.push(called="IEP_ZX2")
    desk.route(arrival)
    desk.record("arrival", arrival, "routed", "routed")
    request = desk.place("ZX2", replace(ONE_STUDY, urgency=Urgency.LIFE_CRITICAL))
    (delivery,) = desk.deliveries()
    with desk.database.begin() as session:
        session.get_one(Delivery, delivery.id).state = state
        study = desk.study(request).id
        said = command(session, CommandKind.MATCH_REQUEST, request, requested_study_id=study, arrival_id=arrival)
    desk.record("request", request, "matched", "partly-answered", content_id=said, other_id=arrival)
    with desk.database.begin() as session:
        asked = session.scalars(select(OutboxCommand).where(OutboxCommand.kind == CommandKind.RAISE_URGENCY)).all()
        assert [one.payload for one in asked] == told
        assert [one.subject_id for one in asked] == [delivery.id] * len(told)
        urgency = session.get_one(Transaction, delivery.transaction_id).urgency
        assert urgency == ("life-critical" if told else "routine")


def test_a_request_that_comes_while_a_study_is_routed_is_not_missed(desk: Desk) -> None:
    arrival = desk.push()
    assert desk.route(arrival).reason is not None
    request = desk.place()
    desk.record("arrival", arrival, "held", "held")
    (candidate,) = desk.candidates()
    assert (candidate.arrival_id, candidate.requested_study_id) == (arrival, desk.study(request).id)
