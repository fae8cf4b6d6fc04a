"""Sending a delivery to another Node of its destination, for the Institutions concerned."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.choices import other_nodes
from models.queries.timeline import Part
from models.tables import Delivery
from web.entries import Wrong
from web.permission import needs
from web.support.blueprint import blueprint
from web.support.of_delivery import act_on_delivery


@blueprint.post("/support/<reference>/redirect")
@needs(Function.USE_SUPPORT_DESK)
def redirect(reference: str) -> ResponseReturnValue:
    return act_on_delivery(reference, CommandKind.REDIRECT_DELIVERY, "redirect_reason", "It is sent there.", _node)


def _node(session: Session, part: Part) -> dict[str, Any]:
    node_id = request.form.get("node_id", "")
    if node_id not in {node.id for node in other_nodes(session, session.get_one(Delivery, part.id))}:
        raise Wrong("node_id", "Choose one of the destination's other Nodes.")
    return {"node_id": node_id}
