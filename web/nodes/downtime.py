"""Planning a downtime of a Node, giving it another end, and calling it off."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.downtime import WORK, why_not
from models.domain.lifecycles.node import State
from models.domain.permissions import Function
from models.queries.clock import clock_words
from models.queries.nodes import NodeStanding
from models.tables import now
from web.entries import Wrong
from web.nodes.blueprint import blueprint
from web.nodes.decide import decide
from web.nodes.show import found, shown
from web.permission import needs, person


@blueprint.post("/<node_id>/plan-downtime")
@needs(Function.HOLD_NODES)
def plan(node_id: str) -> ResponseReturnValue:
    try:
        begins, ends, work = _entries(found(node_id))
    except Wrong as wrong:
        return shown(node_id, wrong), 422
    until = clock_words(ends, person().time_zone, now())
    content = {"begins": begins.isoformat(), "ends": ends.isoformat(), "work": work}
    done = f"Planned. Nothing is sent to it until {until} once it has begun; then it is asked, and goes on by itself."
    return decide(node_id, CommandKind.PLAN_DOWNTIME, done, content)


@blueprint.post("/<node_id>/cancel-downtime")
@needs(Function.HOLD_NODES)
def cancel(node_id: str) -> ResponseReturnValue:
    return decide(node_id, CommandKind.CANCEL_DOWNTIME, "Cancelled. The downtime does not take place.")


def _entries(node: NodeStanding) -> tuple[datetime, datetime, str]:
    """When it begins and ends, and what it is for. Without a beginning it begins now; one that has begun has begun."""
    at = now()
    has_begun = node.state == State.IN_DOWNTIME and node.planned_from is not None
    begins = node.planned_from if has_begun else _time("begins", at)
    ends = _time("ends", None)
    assert begins is not None
    if why := why_not(max(begins, at) if not has_begun else begins, ends, at):
        raise Wrong("ends", why)
    work = request.form.get("work", "")
    return begins, ends, work if work in WORK else "work"


def _time(field: str, otherwise: datetime | None) -> datetime:
    """A time by the person's own clocks, as the browser sends it."""
    typed = request.form.get(field, "").strip()
    if not typed and otherwise is not None:
        return otherwise
    try:
        local = datetime.strptime(typed, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - the zone follows
    except ValueError:
        raise Wrong(field, "Give a day and a time, like 24 November 2026, 18:00.") from None
    return local.replace(tzinfo=ZoneInfo(person().time_zone)).astimezone(UTC)
