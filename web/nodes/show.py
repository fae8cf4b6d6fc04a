"""One Node: how it stands, what its health did, and the part that keeps itself fresh."""

from __future__ import annotations

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from models.domain.downtime import WORK
from models.domain.errors import NotFound
from models.domain.lifecycles import NODE
from models.domain.permissions import Function
from models.queries.nodes import NodeStanding, node_standing, node_steps, waiting_at
from web.asking import token
from web.course import course
from web.entries import Wrong
from web.here import here
from web.nodes.blueprint import blueprint
from web.permission import needs, person

LATELY = 4
"""A Node goes round and round: these of its states are shown."""


@blueprint.get("/<node_id>")
@needs(Function.VIEW_NODES)
def show(node_id: str) -> ResponseReturnValue:
    return shown(node_id)


@blueprint.get("/<node_id>/live")
@needs(Function.VIEW_NODES)
def live(node_id: str) -> ResponseReturnValue:
    return _rendered("nodes/live_answer.html", node_id)


def found(node_id: str) -> NodeStanding:
    """The Node as this person may see it; "not found" where it is not this person's Institution's."""
    try:
        with here().database.begin() as session:
            return node_standing(session, person().viewer, node_id)
    except NotFound:
        abort(404)


def shown(node_id: str, wrong: Wrong | None = None) -> str:
    """The page; `wrong` is what must be put right in its form."""
    return _rendered("nodes/show.html", node_id, wrong)


def _rendered(template: str, node_id: str, wrong: Wrong | None = None) -> str:
    node = found(node_id)
    with here().database.begin() as session:
        steps = node_steps(session, node_id)
        waiting = waiting_at(session, person().viewer, node_id)
    return render_template(
        template,
        title=node.name,
        node=node,
        steps=steps,
        waiting=waiting,
        work=WORK,
        wrong=wrong,
        course=course(NODE, node.state, reversed(steps), most=LATELY),
        token=token,
        changed=request.args.get("seen") != node.state,
    )
