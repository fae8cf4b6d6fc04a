"""Sending a delivery to another Node of its destination."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.transaction import TransactionPage
from web.entries import Wrong
from web.permission import needs
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/redirect")
@needs(Function.RETRY)
def redirect(reference: str) -> ResponseReturnValue:
    return decide(reference, CommandKind.REDIRECT_DELIVERY, _node, "Redirected.")


def _node(page: TransactionPage) -> dict[str, Any]:
    chosen = request.form.get("node_id", "")
    if chosen not in {node.id for node in page.other_nodes}:
        raise Wrong("node_id", "Choose one of the destination's other Nodes.")
    return {"node_id": chosen}
