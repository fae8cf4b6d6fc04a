"""Ending a delivery where it stands, for the Institutions concerned."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.permission import needs
from web.support.blueprint import blueprint
from web.support.of_delivery import act_on_delivery


@blueprint.post("/support/<reference>/abandon")
@needs(Function.USE_SUPPORT_DESK)
def abandon(reference: str) -> ResponseReturnValue:
    return act_on_delivery(reference, CommandKind.ABANDON_DELIVERY, "abandon_reason", "Abandoned. Both sides are told.")
