"""Releasing a delivery from the worklist, under the destination's own identifiers or the sender's."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.transaction import TransactionPage
from web import entries
from web.permission import needs
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide

AS_IT_IS = "as-it-is"


@blueprint.post("/<reference>/release")
@needs(Function.RELEASE)
def release(reference: str) -> ResponseReturnValue:
    return decide(reference, CommandKind.RELEASE_DELIVERY, _identifiers, "Released.")


def _identifiers(page: TransactionPage) -> dict[str, Any]:
    """No identifiers where those that the exchange has found are to be kept."""
    wanted = {"under_another_id": True} if "under_another_id" in request.form else {}
    if page.identity is not None and request.form.get("filing") == AS_IT_IS:
        return wanted
    return wanted | {
        "patient_id": entries.patient_id(request.form.get("patient_id", "")),
        "accession": entries.accession(request.form.get("accession", "")),
    }
