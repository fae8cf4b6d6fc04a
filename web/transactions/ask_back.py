"""Asking back about a request, and answering: one question at a time, each read by the other side."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web import entries
from web.permission import needs
from web.reasons import reason_about, whom
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/ask-back")
@needs(Function.ANSWER_REQUEST)
def ask_back(reference: str) -> ResponseReturnValue:
    """The source wants to know something before it sends."""
    return decide(
        reference,
        CommandKind.ASK_BACK_REQUEST,
        lambda page: {"reason": reason_about(page.reference, "question")},
        "Asked. The requester is told.",
    )


@blueprint.post("/<reference>/reply")
@needs(Function.PLACE_REQUEST)
def reply(reference: str) -> ResponseReturnValue:
    """The requester answers; the source decides again."""
    return decide(
        reference,
        CommandKind.REPLY_REQUEST,
        lambda page: {"reason": _answer(page.reference)},
        "Answered. The source is told.",
    )


def _answer(reference: str) -> str:
    """It may be as short as "No"."""
    given = request.form.get("reason", "")
    return entries.sentence(given, "answer", "an answer", "the other side reads it", whom(reference))
