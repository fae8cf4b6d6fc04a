"""The desk: what waits too long or went wrong anywhere, whom to ring, and what the last shift says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from models.domain.errors import PeerUnreachable
from models.domain.permissions import Function
from models.domain.trouble import Troubled
from models.domain.urgency import Urgency
from models.queries import support
from models.queries.nodes import node_standings
from models.queries.turned_away import turned_away
from models.shift import banner
from models.tables import now
from web.asking import token
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.support.blueprint import blueprint
from web.times import with_local_times


@dataclass(frozen=True)
class Stuck:
    """A workflow in trouble, and what it works for; without `reference` it is of no transaction."""

    workflow_id: str
    trouble: str
    since: datetime
    reference: str
    urgency: Urgency
    state: str


@blueprint.get("/support")
@needs(Function.USE_SUPPORT_DESK)
def desk() -> ResponseReturnValue:
    return shown()


def shown(wrong: Wrong | None = None) -> str:
    """The desk; with `wrong`, the entry that must be put right."""
    troubled, engine_answers = _troubled()
    with here().database.begin() as session:
        nodes = [node for node in node_standings(session, person().viewer) if node.receives and node.state != "up"]
        facts = {
            "parked": support.parked(session, person().time_zone),
            "held": support.held(session, person().time_zone),
            "orphans": support.orphans(session),
            "how_many_orphans": support.how_many_orphans(session),
            "turned_away": turned_away(session),
            "overdue": support.overdue(session, person().time_zone),
            "commands": _commands(session),
            "notes": support.notes(session),
            "numbers": support.numbers(session),
            "told": banner(session),
            "stuck": _stuck(session, troubled),
            "troubled_nodes": nodes,
            "not_running": here().not_running(),
        }
    return render_template(
        "support/desk.html", title="Support", wrong=wrong, engine_answers=engine_answers, token=token, **facts
    )


def _commands(session: Session) -> list[support.Command]:
    """With the times that a refusal names in the reader's own."""
    zone, at = person().time_zone, now()
    return [replace(one, refusal=with_local_times(one.refusal, zone, at)) for one in support.commands(session)]


def _troubled() -> tuple[tuple[Troubled, ...], bool]:
    """What is in trouble at the engine, and whether it could be asked."""
    recovery = here().recovery
    if recovery is None:
        return (), False
    try:
        return recovery.lists(), True
    except PeerUnreachable:
        return (), False


def _stuck(session: Session, troubled: tuple[Troubled, ...]) -> list[Stuck]:
    """The most urgent first, then the oldest."""
    works_for = support.engaged(session, {one.workflow_id for one in troubled})
    nothing = support.Engaged("", Urgency.ROUTINE, "")
    found = []
    for one in troubled:
        of = works_for.get(one.workflow_id, nothing)
        found.append(Stuck(one.workflow_id, one.trouble.value, one.since, of.reference, of.urgency, of.state))
    return sorted(found, key=lambda one: (one.urgency.priority, one.since))
