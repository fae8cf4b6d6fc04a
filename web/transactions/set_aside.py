"""What becomes of images that the destination's Node did not take: converted, or left out."""

from __future__ import annotations

from typing import Any

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.transaction import TransactionPage
from web.permission import needs
from web.reasons import reason_about
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/convert")
@needs(Function.RETRY)
def convert(reference: str) -> ResponseReturnValue:
    """What is compressed goes uncompressed; it shows the same."""
    return decide(
        reference,
        CommandKind.CONVERT_DELIVERY,
        lambda page: _content(page, "convert_reason"),
        "It is sent uncompressed.",
    )


@blueprint.post("/<reference>/leave-out")
@needs(Function.RETRY)
def leave_out(reference: str) -> ResponseReturnValue:
    """The study is confirmed without it, and says so everywhere."""
    return decide(
        reference,
        CommandKind.LEAVE_OUT_DELIVERY,
        lambda page: _content(page, "leave_out_reason"),
        "Left out. Both sides are told.",
    )


def _content(page: TransactionPage, field: str) -> dict[str, Any]:
    """Which images it is about is what this round has set aside."""
    return {
        "reason": reason_about(page.reference, field),
        "round": page.delivery.round if page.delivery else 0,
    }
