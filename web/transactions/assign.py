"""Assigning a held study to the worklist that it is for."""

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
from web.transactions.offers import must_be_of_one_patient


@blueprint.post("/<reference>/assign")
@needs(Function.ASSIGN_HELD)
def assign(reference: str) -> ResponseReturnValue:
    return decide(reference, CommandKind.ASSIGN_ARRIVAL, _worklist, "Assigned.")


def _worklist(page: TransactionPage) -> dict[str, Any]:
    must_be_of_one_patient(page)
    chosen = request.form.get("worklist_id", "")
    if chosen not in {worklist.id for worklist in page.worklists}:
        raise Wrong("worklist_id", "Choose the worklist that the study is for.")
    return {"worklist_id": chosen}
