"""Testing a Node: its health asks it now rather than later, and the page shows the answer."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.nodes.blueprint import blueprint
from web.nodes.decide import decide
from web.permission import needs


@blueprint.post("/<node_id>/test")
@needs(Function.TEST_NODES)
def test(node_id: str) -> ResponseReturnValue:
    return decide(node_id, CommandKind.REPORT_NODE_FAULT, "Asked. Its answer appears here within seconds.")
