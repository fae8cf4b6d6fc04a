"""The images of a delivery that its Node has not taken, or that were left out: which they are, and why."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.uid import UID
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from models.deliveries import set_aside
from models.domain.statuses import may_be_its_form, words_of
from models.domain.syntaxes import UNCOMPRESSED, conversions, syntax_of
from models.tables import ArrivalInstance, Delivery, Instance, LedgerEntry

SHOWN = 20
"""Numbers of images; the rest of a kind is counted."""


@dataclass(frozen=True)
class SetAside:
    """Images of one kind with one reason; `numbers` are their places in the order in which the study came.

    `convertible`: the Node has not been offered them uncompressed yet, and nothing would be lost.
    """

    count: int
    numbers: tuple[int, ...]
    kind: str
    syntax: str
    reason: str
    left_out: bool
    convertible: bool


def images_set_aside(session: Session, delivery: Delivery) -> tuple[SetAside, ...]:
    """In the order in which the first of each kind came."""
    ledger = (LedgerEntry.delivery_id == delivery.id, LedgerEntry.node_id == delivery.node_id, LedgerEntry.left_out)
    rows = session.execute(
        select(Instance.SOPClassUID, Instance.TransferSyntaxUID, LedgerEntry, ArrivalInstance.position)
        .join(Instance, Instance.id == LedgerEntry.instance_id)
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .where(
            ArrivalInstance.arrival_id == delivery.parcel.arrival_id,
            or_(and_(*set_aside(delivery)), and_(*ledger)),
        )
        .order_by(ArrivalInstance.position)
    )
    found: dict[tuple[str, str, str, bool, bool], list[int]] = {}
    for sop_class, syntax, entry, position in rows:
        convertible = syntax not in UNCOMPRESSED and bool(conversions(syntax)) and _went_as_it_is(entry)
        key = (sop_class, syntax, words_of(entry.status, entry.reason), entry.left_out, convertible)
        found.setdefault(key, []).append(position)
    return tuple(
        SetAside(len(at), tuple(at[:SHOWN]), UID(sop_class).name, syntax_of(syntax).name, reason, is_out, convertible)
        for (sop_class, syntax, reason, is_out, convertible), at in found.items()
    )


def _went_as_it_is(entry: LedgerEntry) -> bool:
    """Whether the Node itself has answered to the received syntax, in a way that may be about it."""
    return not (entry.reason or entry.syntax or entry.uncompressed or entry.left_out) and may_be_its_form(entry.status)
