"""Accepting a request: the source says that it will send."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.permission import needs
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/accept")
@needs(Function.ANSWER_REQUEST)
def accept(reference: str) -> ResponseReturnValue:
    return decide(
        reference, CommandKind.ACCEPT_REQUEST, lambda page: {}, "Accepted. Now send the study from your PACS."
    )
