"""Saying that a held study answers a request."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.transaction import TransactionPage
from web.entries import Wrong
from web.permission import needs
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide
from web.transactions.offers import may_answer


@blueprint.post("/<reference>/match")
@needs(Function.ASSIGN_HELD)
def match(reference: str) -> ResponseReturnValue:
    return decide(reference, CommandKind.MATCH_ARRIVAL, _study, "It answers the request, and goes to the requester.")


def _study(page: TransactionPage) -> dict[str, Any]:
    chosen = request.form.get("requested_study_id", "")
    if chosen not in {one.requested_study_id for one in may_answer(page)}:
        raise Wrong("requested_study_id", "Choose one of the requests that it may answer.")
    return {"requested_study_id": chosen}
