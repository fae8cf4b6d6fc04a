"""An incident summary: what may be pasted into another hospital's ticket, since nothing in it names a patient."""

from __future__ import annotations

from collections.abc import Sequence

from models.queries.timeline import Part, Told
from models.tables import Transaction

LINES = 25


def summary(one: Transaction, parts: Sequence[Part], lines: Sequence[Told]) -> str:
    """Plain text; times in UTC. What people entered is left out: it could name anybody."""
    route = f"{one.institution_id} to {one.destination_id or 'no destination yet'}"
    head = [
        f"Reference {one.reference} ({one.kind}, {one.urgency}), {route}",
        f"Opened {one.opened_at:%d %b %Y %H:%M} UTC; {one.lifecycle} {one.state} since "
        f"{one.state_since:%d %b %Y %H:%M} UTC",
        *(f"{part.prefix} of {part.institution_id}: {part.state} ({part.workflow_id})" for part in parts),
        "",
        "Latest happenings:",
    ]
    told = [f"{line.at:%d %b %H:%M:%S} {'! ' if line.is_fault else ''}{line.words}" for line in lines[-LINES:]]
    return "\n".join((*head, *told))
