"""Withdrawing a request: it is not needed any more."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web import entries
from web.permission import needs
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/withdraw")
@needs(Function.PLACE_REQUEST)
def withdraw(reference: str) -> ResponseReturnValue:
    return decide(
        reference,
        CommandKind.WITHDRAW_REQUEST,
        lambda page: {"reason": entries.reason(request.form.get("reason", ""), "withdraw_reason")},
        "Withdrawn. The source is told.",
    )
