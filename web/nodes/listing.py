"""All Nodes that this person may see."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from models.queries.nodes import node_standings
from web.here import here
from web.nodes.blueprint import blueprint
from web.permission import needs, person


@blueprint.get("")
@needs(Function.VIEW_NODES)
def listing() -> ResponseReturnValue:
    return render_template("nodes/listing.html", title="Nodes", **_facts())


@blueprint.get("/live")
@needs(Function.VIEW_NODES)
def listing_live() -> ResponseReturnValue:
    return render_template("nodes/listing_live.html", **_facts())


def _facts() -> dict[str, object]:
    with here().database.begin() as session:
        nodes = node_standings(session, person().viewer)
    receiving = [node for node in nodes if node.receives]
    return {
        "nodes": nodes,
        "receiving": len(receiving),
        "up": sum(node.state == "up" for node in receiving),
        "parked": sum(node.parked for node in nodes),
        "troubled": [node for node in receiving if node.state != "up"],
    }
