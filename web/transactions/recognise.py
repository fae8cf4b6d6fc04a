"""Saying that a study which goes to the requester anyhow is what a request asks for."""

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
from web.transactions.offers import recognisable


@blueprint.post("/<reference>/recognise")
@needs(Function.PLACE_REQUEST)
def recognise(reference: str) -> ResponseReturnValue:
    return decide(reference, CommandKind.MATCH_REQUEST, _study, "Noted: it answers the request.")


def _study(page: TransactionPage) -> dict[str, Any]:
    chosen = request.form.get("requested_study_id", ""), request.form.get("arrival_id", "")
    if chosen not in {(one.requested_study_id, one.arrival_id) for one in recognisable(page)}:
        raise Wrong("recognise", "That study may no longer answer it; choose one that the page offers.")
    return {"requested_study_id": chosen[0], "arrival_id": chosen[1]}
