"""Withdrawing a request: it is not needed any more."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.permission import needs
from web.reasons import reason_about
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/withdraw")
@needs(Function.PLACE_REQUEST)
def withdraw(reference: str) -> ResponseReturnValue:
    return decide(
        reference,
        CommandKind.WITHDRAW_REQUEST,
        lambda page: {"reason": reason_about(page.reference, "withdraw_reason")},
        "Withdrawn. The source is told.",
    )
