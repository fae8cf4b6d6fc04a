"""Reassigning what waits to another worklist of the Institution."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.worklist import worklists_of
from models.tables import Delivery
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.worklist.blueprint import blueprint
from web.worklist.decide import decide


@blueprint.post("/<delivery_id>/reassign")
@needs(Function.RELEASE)
def reassign(delivery_id: str) -> ResponseReturnValue:
    return decide(delivery_id, CommandKind.REASSIGN_DELIVERY, _worklist, "Reassigned.")


def _worklist(delivery: Delivery) -> dict[str, Any]:
    chosen = request.form.get("worklist_id", "")
    with here().database.begin() as session:
        others = {one.id for one in worklists_of(session, person().viewer)} - {delivery.worklist_id}
    if chosen not in others:
        raise Wrong(f"worklist_id-{delivery.id}", "Choose another worklist of yours.")
    return {"worklist_id": chosen}
