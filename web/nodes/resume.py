"""Using a Node again."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.nodes.blueprint import blueprint
from web.nodes.decide import decide
from web.permission import needs


@blueprint.post("/<node_id>/resume")
@needs(Function.HOLD_NODES)
def resume(node_id: str) -> ResponseReturnValue:
    return decide(node_id, CommandKind.RESUME_NODE, "Resumed. It is asked first, then used again.")
