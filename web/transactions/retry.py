"""Sending again what the destination does not have, or fetching again what has not come."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.permission import needs
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/retry")
@needs(Function.RETRY)
def retry(reference: str) -> ResponseReturnValue:
    return decide(reference, CommandKind.RETRY_DELIVERY, lambda page: {}, "Retried.")


@blueprint.post("/<reference>/fetch-again")
@needs(Function.RETRY)
def fetch_again(reference: str) -> ResponseReturnValue:
    return decide(reference, CommandKind.RETRY_TRANSFER, lambda page: {}, "What is missing is fetched again.")
