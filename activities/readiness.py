"""Whether a Node may be sent to or asked now, and how: read at each attempt, so that a change needs no restart."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from models.domain.bulk_window import BulkWindow
from models.domain.errors import NodeDown, NodeHeld, OutsideWindow, Permanent
from models.domain.lifecycles.node import State
from models.domain.reaching import Step
from models.domain.urgency import Urgency
from models.tables import Node


def must_be_usable(node: Node, urgency: Urgency, at: datetime) -> None:
    """Raises why nothing goes to `node` at present: NodeHeld, NodeDown, OutsideWindow, or Permanent without address."""
    must_not_be_kept_back(node, urgency, at)
    _must_answer(node)


def must_be_askable(node: Node) -> None:
    """Raises why `node` is asked nothing at present, as `must_be_usable` does: at any hour, for questions are short."""
    _must_not_be_held(node)
    _must_answer(node)


def _must_answer(node: Node) -> None:
    if node.state == State.DOWN:
        if node.last_fault_step == Step.TLS:
            # Waiting alone does not mend it.
            raise NodeHeld(f"{node.name} is down: {node.last_fault}")
        raise NodeDown(f"{node.name} is down.")
    if not node.receives:
        raise Permanent(f"{node.name} has no address; choose another Node.")


def must_not_be_kept_back(node: Node, urgency: Urgency, at: datetime) -> None:
    """Raises NodeHeld or OutsideWindow where a person wants nothing sent there, whether it answers or not.

    What is under way is finished then, and nothing more begun.
    """
    _must_not_be_held(node)
    window = BulkWindow.of(node.bulk_window) if urgency.can_wait else None
    local = at.astimezone(ZoneInfo(node.institution.time_zone))
    if window is not None and not window.is_open(local):
        opens = window.next_opening(local)
        raise OutsideWindow(f"{node.name} takes bulk from {window.opens:%H:%M} to {window.closes:%H:%M} only.", opens)


def _must_not_be_held(node: Node) -> None:
    if node.state == State.HELD:
        raise NodeHeld(f"{node.name} is held; its PACS officer resumes it on the Nodes page.")
    if node.state == State.IN_DOWNTIME:
        raise NodeHeld(f"{node.name} is down for planned work; it goes on by itself afterwards.")
    if node.slots < 1:
        raise NodeHeld(f"{node.name} allows no association at present.")


def mark_of(node: Node, urgency: Urgency) -> int:
    """The DSCP (RFC 2474) of the packets of this lane; 0 for none."""
    return node.dscp_urgent if urgency.is_urgent else node.dscp_bulk


def again_after(node: Node, attempt: int) -> timedelta | None:
    """How long to wait after the `attempt`th that failed: twice as long each time, up to the Node's own back-off.

    None where it has none: then as long as the exchange itself waits.
    """
    return timedelta(seconds=min(2.0 ** min(attempt - 1, 20), node.back_off)) if node.back_off > 0 else None
