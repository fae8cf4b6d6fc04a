"""Declining a request, or one of the studies and reports it asks for."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.transaction import TransactionPage
from web.entries import Wrong
from web.permission import needs
from web.reasons import reason_about
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide
from web.transactions.offers import has_answers, still_wanted


@blueprint.post("/<reference>/decline")
@needs(Function.ANSWER_REQUEST)
def decline(reference: str) -> ResponseReturnValue:
    """Nothing is sent."""
    return decide(reference, CommandKind.DECLINE_REQUEST, _all, "Declined. The requester is told why.")


@blueprint.post("/<reference>/decline-study")
@needs(Function.ANSWER_REQUEST)
def decline_study(reference: str) -> ResponseReturnValue:
    """One study is not sent; the others stay awaited."""
    return decide(reference, CommandKind.DECLINE_STUDY_REQUEST, _one, "Declined. The others stay awaited.")


def _all(page: TransactionPage) -> dict[str, Any]:
    if has_answers(page):
        raise Wrong("decline_reason", "A part of it has come already; decline the others one by one.")
    return {"reason": reason_about(page.reference, "decline_reason")}


def _one(page: TransactionPage) -> dict[str, Any]:
    chosen = request.form.get("requested_study_id", "")
    if chosen not in {study.id for study in still_wanted(page)}:
        raise Wrong("requested_study_id", "Choose one that is still awaited.")
    return {
        "requested_study_id": chosen,
        "reason": reason_about(page.reference, "decline_study_reason"),
    }
