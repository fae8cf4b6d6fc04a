"""The planned downtime of a Node, in the words of sentences and mails."""

from __future__ import annotations

from models.domain.downtime import WORK
from models.domain.lifecycles.node import State
from models.queries.clock import clock_words
from models.tables import Node, now


def downtime_words(node: Node | None, zone: str) -> tuple[str, str]:
    """What `node` is down for, and until when in the time zone `zone`; twice nothing unless it is in its downtime."""
    if node is None or node.state != State.IN_DOWNTIME or node.planned_until is None:
        return "", ""
    until = clock_words(node.planned_until, zone or node.institution.time_zone, now())
    return WORK.get(node.planned_work, WORK["work"]), until
