"""Withdrawing a request that is not needed any more, or a transfer that is not to go on."""

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


@blueprint.post("/<reference>/stop-fetching")
@needs(Function.RETRY)
def stop_fetching(reference: str) -> ResponseReturnValue:
    return decide(
        reference,
        CommandKind.WITHDRAW_TRANSFER,
        lambda page: {"reason": reason_about(page.reference, "stop_reason")},
        "Withdrawn. Nothing more is fetched.",
    )
