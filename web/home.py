"""Home: what needs this person, and else a fact that reassures."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from models.drafts import own_drafts
from models.queries.held import how_many_alone
from models.queries.nodes import node_standings
from models.queries.transactions import Sought, how_many_wait, last_arrival, page, waiting_for
from web.here import here
from web.permission import needs, person

blueprint = Blueprint("home", __name__)
RECENT = 8


@blueprint.get("/")
@needs(Function.VIEW_TRANSACTIONS)
def home() -> ResponseReturnValue:
    return render_template("home.html", title="Home", **_facts())


@blueprint.get("/live")
@needs(Function.VIEW_TRANSACTIONS)
def live() -> ResponseReturnValue:
    return render_template("home_live.html", **_facts())


def _facts() -> dict[str, object]:
    viewer = person().viewer
    with here().database.begin() as session:
        waiting, urgent = how_many_wait(session, viewer)
        nodes = node_standings(session, viewer) if viewer.may(Function.VIEW_NODES) else ()
        rows = waiting_for(session, viewer)
        above = {row.reference for row in rows}
        recent = page(session, viewer, Sought(), size=RECENT + len(rows)).rows
        return {
            "waiting": waiting,
            "urgent": urgent,
            "rows": rows,
            "recent": [row for row in recent if row.reference not in above][:RECENT],
            "drafts": len(own_drafts(session, person().id)),
            "last_arrival": last_arrival(session, viewer),
            "alone": how_many_alone(session, viewer) if viewer.may(Function.ASSIGN_HELD) else 0,
            "troubled": [node for node in nodes if node.receives and node.state != "up"],
        }
