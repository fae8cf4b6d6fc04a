"""A delivery that began while its study still arrived, once the whole study is routed, assigned or refused."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from activities.arrivals import ArrivalActivities
from models.domain.arrival_contracts import WhereItGoes
from models.domain.contracts import CommandKind, RouteRequest
from models.tables import OutboxCommand
from tests.activities.desk import Desk
from tests.database import add_neuro
from tests.workflows.rows import command


def early(desk: Desk) -> tuple[str, str]:
    """The arrival of a study for ZX2, and its delivery that has begun."""
    arrival = desk.push(called="IEP_ZX2")
    delivery = desk.environment.run(ArrivalActivities(desk.database).outlook, arrival).delivery_id
    assert delivery
    return arrival, delivery


def neuro_of_zx2(desk: Desk) -> str:
    with desk.database.begin() as session:
        neuro = add_neuro(session, "ZX2")
        neuro.auto_release = True
        return neuro.id


def reassign(desk: Desk, delivery: str, worklist: str) -> None:
    with desk.database.begin() as session:
        content = command(session, CommandKind.REASSIGN_DELIVERY, delivery, worklist_id=worklist)
    desk.record("delivery", delivery, "reassigned", "on-worklist", before="on-worklist", content_id=content)


def test_what_was_reassigned_meanwhile_is_not_delivered_twice(desk: Desk) -> None:
    arrival, delivery = early(desk)
    neuro = neuro_of_zx2(desk)
    reassign(desk, delivery, neuro)
    assert desk.route(arrival).delivery_id == delivery
    (only,) = desk.deliveries()
    assert (only.worklist_id, only.stopped) == (neuro, "")


def test_an_arrival_that_is_looked_at_anew_finds_what_was_reassigned(desk: Desk) -> None:
    arrival, delivery = early(desk)
    reassign(desk, delivery, neuro_of_zx2(desk))
    assert desk.environment.run(ArrivalActivities(desk.database).outlook, arrival).delivery_id == delivery
    assert len(desk.deliveries()) == 1


def test_what_was_refused_on_another_worklist_is_not_delivered_after_all(desk: Desk) -> None:
    arrival, delivery = early(desk)
    reassign(desk, delivery, neuro_of_zx2(desk))
    desk.ends(delivery, "refused", "refused")
    assert desk.route(arrival).delivery_id == delivery
    assert [one.state for one in desk.deliveries()] == ["refused"]


@pytest.mark.parametrize("where", ["the same worklist", "another worklist", "another Institution"])
def test_assigned_elsewhere_the_early_delivery_is_left_over(desk: Desk, where: str) -> None:
    arrival, delivery = early(desk)
    worklists = desk.registry.worklists
    chosen = {
        "the same worklist": worklists["ZX2"],
        "another worklist": neuro_of_zx2(desk),
        "another Institution": worklists["ZX3"],
    }
    with desk.database.begin() as session:
        content = command(session, CommandKind.ASSIGN_ARRIVAL, arrival, worklist_id=chosen[where])
    activities = ArrivalActivities(desk.database)
    verdict = desk.environment.run(activities.route, RouteRequest(arrival, content))
    desk.record("arrival", arrival, "assigned", "routed", actor="ann", content_id=content)
    left = desk.environment.run(activities.left_over, WhereItGoes(arrival, (verdict.delivery_id,)))
    assert left == ([] if where == "the same worklist" else [delivery])


def test_of_what_was_withdrawn_its_request_has_word(desk: Desk) -> None:
    arrival, delivery = early(desk)
    request = desk.place("ZX2")
    desk.takes(request, arrival)
    desk.record("delivery", delivery, "withdrawn", "abandoned", before="on-worklist", actor="ann")
    with desk.database.begin() as session:
        looks = select(OutboxCommand.subject_id).where(OutboxCommand.kind == CommandKind.LOOK_AT_REQUEST.value)
        assert session.scalars(looks).all() == [request]
    assert desk.progress(request).failed == 1
