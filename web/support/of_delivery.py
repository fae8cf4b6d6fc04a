"""What all acts of support about a delivery have in common: the latest delivery, a reason, and the act itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from models.domain.contracts import CommandKind
from models.queries.timeline import Part, parts
from web.entries import Wrong
from web.here import here
from web.reasons import reason_about
from web.seen import delivery_seen
from web.support.acting import act
from web.support.show import found, shown


def act_on_delivery(
    reference: str,
    kind: CommandKind,
    field: str,
    done: str,
    chosen: Callable[[Session, Part], dict[str, Any]] = lambda session, part: {},
) -> ResponseReturnValue:
    """Ask for `kind`, with the reason that stands in the form's `field` and what `chosen` reads from it."""
    try:
        reason = reason_about(reference, field)
        with here().database.begin() as session:
            one = found(session, reference)
            deliveries = [part for part in parts(session, one.id) if part.prefix == "delivery"]
            content = chosen(session, deliveries[-1]) if deliveries else {}
    except Wrong as wrong:
        return shown(reference, wrong), 422
    if deliveries:
        latest = deliveries[-1]
        if seen := delivery_seen():
            content = {**content, "seen": seen}
        category, said = act(kind, latest.id, latest.institution_id, one.id, reason, content)
        flash(said or done, category)
    else:
        flash("Nothing of it is being delivered; nothing was done.", "refused")
    return redirect(url_for("support.show", reference=one.reference), 303)
