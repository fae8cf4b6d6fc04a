"""Sending again what a destination lacks, for the Institutions concerned."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.permission import needs
from web.support.blueprint import blueprint
from web.support.of_delivery import act_on_delivery


@blueprint.post("/support/<reference>/resend")
@needs(Function.USE_SUPPORT_DESK)
def resend(reference: str) -> ResponseReturnValue:
    return act_on_delivery(reference, CommandKind.RETRY_DELIVERY, "resend_reason", "What is missing is sent again.")
