"""What there is to choose from: worklists to which an Institution may send, and Nodes where a delivery may go."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.tables import Agreement, Delivery, Institution, Node, Worklist, now


@dataclass(frozen=True)
class Choice:
    """A Node or worklist to choose; `label` says whose it is."""

    id: str
    label: str


def worklists_open_to(session: Session, source_id: str) -> tuple[Choice, ...]:
    """The worklists to which the source may send today."""
    today = now()
    rows = session.execute(
        select(Worklist, Institution.name)
        .join(Institution, Institution.ods_code == Worklist.institution_id)
        .join(Agreement, Agreement.destination_id == Worklist.institution_id)
        .where(
            Agreement.source_id == source_id,
            Agreement.valid_from <= today,
            or_(Agreement.valid_to.is_(None), Agreement.valid_to > today),
            Institution.closed.is_(False),
        )
        .order_by(Institution.name, Worklist.name)
    )
    return tuple(Choice(row.id, f"{name} ({row.institution_id}), {row.name}") for row, name in rows)


def other_nodes(session: Session, delivery: Delivery | None) -> tuple[Choice, ...]:
    """The destination's other Nodes that receive."""
    if delivery is None:
        return ()
    nodes = session.scalars(
        select(Node)
        .where(Node.institution_id == delivery.institution_id, Node.id != delivery.node_id)
        .order_by(Node.name)
    )
    return tuple(Choice(node.id, node.name) for node in nodes if node.receives)
