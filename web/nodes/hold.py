"""Keeping a Node out of use, for example while it is being serviced."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.nodes.blueprint import blueprint
from web.nodes.decide import decide
from web.permission import needs


@blueprint.post("/<node_id>/hold")
@needs(Function.HOLD_NODES)
def hold(node_id: str) -> ResponseReturnValue:
    return decide(node_id, CommandKind.HOLD_NODE, "Held. Nothing is sent to it until it is resumed.")
