"""What refusing and reassigning from the worklist have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.tables import Delivery
from web.asking import ask, asked_before
from web.entries import Wrong
from web.here import here
from web.worklist.page import Fault, back, must_wait_still, own_delivery, shown


def decide(
    delivery_id: str, kind: CommandKind, read: Callable[[Delivery], dict[str, Any]], done: str
) -> ResponseReturnValue:
    """Ask the engine for `kind` with what `read` makes of the form, and show the worklist again.

    A delivery to another Institution answers "not found"; one that has left the worklist says who did what, and when.
    """
    delivery = own_delivery(delivery_id)
    with here().database.begin() as session:
        content = asked_before(session)
    if content is None:
        try:
            seen = must_wait_still(delivery, "seen")
            content = {**read(delivery), **seen}
        except NotAllowed as late:
            flash(str(late), "refused")
            return redirect(back(), 303)
        except Wrong as wrong:
            return shown({delivery.id: Fault(wrong.field, str(wrong))}), 422
    ask(kind, delivery.id, delivery.institution_id, content, done)
    return redirect(back(), 303)
