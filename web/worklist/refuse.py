"""Refusing what waits: the sender reads why."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.worklist_words import references_of
from models.tables import Delivery
from web.here import here
from web.permission import needs
from web.reasons import reason_about
from web.worklist.blueprint import blueprint
from web.worklist.decide import decide


@blueprint.post("/<delivery_id>/refuse")
@needs(Function.RELEASE)
def refuse(delivery_id: str) -> ResponseReturnValue:
    return decide(
        delivery_id,
        CommandKind.REFUSE_DELIVERY,
        lambda delivery: {"reason": reason_about(_reference(delivery), f"reason-{delivery_id}")},
        "Refused. Nothing was sent; the sender is told why.",
    )


def _reference(delivery: Delivery) -> str:
    with here().database.begin() as session:
        return references_of(session, [delivery.id])[delivery.id]
