"""Refusing: a delivery by its destination, or a held study by its source."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from web.permission import needs
from web.reasons import reason_about
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide


@blueprint.post("/<reference>/refuse")
@needs(Function.RELEASE)
def refuse(reference: str) -> ResponseReturnValue:
    """The destination does not want it; the source reads why."""
    return decide(
        reference,
        CommandKind.REFUSE_DELIVERY,
        lambda page: {"reason": reason_about(page.reference, "refuse_reason")},
        "Refused. Nothing was sent; the source is told why.",
    )


@blueprint.post("/<reference>/refuse-held")
@needs(Function.ASSIGN_HELD)
def refuse_held(reference: str) -> ResponseReturnValue:
    """The source says that a held study goes nowhere."""
    return decide(
        reference,
        CommandKind.REFUSE_ARRIVAL,
        lambda page: {"reason": reason_about(page.reference, "refuse_held_reason")},
        "Refused. The study goes nowhere.",
    )
