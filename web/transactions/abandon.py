"""Ending a delivery where it stands."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.permission import needs
from web.reasons import reason_about
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/abandon")
@needs(Function.RETRY)
def abandon(reference: str) -> ResponseReturnValue:
    return decide(
        reference,
        CommandKind.ABANDON_DELIVERY,
        lambda page: {"reason": reason_about(page.reference, "abandon_reason")},
        "Abandoned. Both sides are told.",
    )
