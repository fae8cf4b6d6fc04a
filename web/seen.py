"""In view of what a person decided about a delivery, as the form says that was sent."""

from __future__ import annotations

from flask import request

from models.domain.lifecycles.delivery import DELIVERY, State
from models.domain.seen import Seen

MATTERS = DELIVERY.parked | {State.SENT}


def delivery_seen() -> str | None:
    """None where it does not matter.

    A delivery that sends moves on by itself: whoever wants to stop it wants so a moment later, too, as long as not
    everything is sent. What is sent is for them only who have seen that; their word travels with the decision.
    """
    seen = request.form.get("seen", "")
    return seen if Seen.of(seen).state in MATTERS else None
