"""A request that is written after its study was pushed: neither side misses the other."""

from __future__ import annotations

from activities.requests import RequestActivities
from models.domain.contracts import CommandKind
from models.domain.request_contracts import Recognition
from tests.activities.desk import Desk
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


def test_a_request_that_comes_while_a_study_is_routed_is_not_missed(desk: Desk) -> None:
    arrival = desk.push()
    assert desk.route(arrival).reason is not None
    request = desk.place()
    desk.record("arrival", arrival, "held", "held")
    (candidate,) = desk.candidates()
    assert (candidate.arrival_id, candidate.requested_study_id) == (arrival, desk.study(request).id)
