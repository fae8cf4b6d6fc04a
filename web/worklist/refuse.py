"""Refusing what waits: the sender reads why."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web import entries
from web.permission import needs
from web.worklist.blueprint import blueprint
from web.worklist.decide import decide


@blueprint.post("/<delivery_id>/refuse")
@needs(Function.RELEASE)
def refuse(delivery_id: str) -> ResponseReturnValue:
    return decide(
        delivery_id,
        CommandKind.REFUSE_DELIVERY,
        lambda _: {"reason": entries.reason(request.form.get("reason", ""), f"reason-{delivery_id}")},
        "Refused. Nothing was sent; the sender is told why.",
    )
