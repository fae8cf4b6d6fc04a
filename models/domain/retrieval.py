"""How images are retrieved, and what a status means for what is done next.

C-MOVE and C-GET share their statuses (PS3.4 Sections C.4.2.1.5 and C.4.3.1.4, PS3.7 Annex C); A801 is C-MOVE's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RetrieveBy(StrEnum):
    """`MOVE`: the Node opens an association to us. `GET`: it sends on ours, and need not know us as a destination."""

    MOVE = "move"
    GET = "get"


class MoveOutcome(StrEnum):
    """`ENDED` does not say what has come. `AGAIN` may work later, `OTHER_LEVEL` for whole studies, `REFUSED` never."""

    UNDER_WAY = "under-way"
    ENDED = "ended"
    AGAIN = "again"
    OTHER_LEVEL = "other-level"
    REFUSED = "refused"


@dataclass(frozen=True)
class MoveRow:
    first: int
    last: int
    outcome: MoveOutcome
    words: str


MOVE_TABLE: tuple[MoveRow, ...] = (
    MoveRow(0xFF00, 0xFF01, MoveOutcome.UNDER_WAY, "under way"),
    MoveRow(0x0000, 0x0000, MoveOutcome.ENDED, "all were sent"),
    MoveRow(0xB000, 0xB000, MoveOutcome.ENDED, "some were not sent"),
    MoveRow(0xFE00, 0xFE00, MoveOutcome.AGAIN, "cancelled there"),
    MoveRow(0xA701, 0xA701, MoveOutcome.AGAIN, "out of resources, it cannot count them"),
    # Often it is we who take no further association.
    MoveRow(0xA702, 0xA702, MoveOutcome.AGAIN, "out of resources, it cannot send them"),
    MoveRow(0xA700, 0xA7FF, MoveOutcome.AGAIN, "out of resources"),
    MoveRow(0x0110, 0x0110, MoveOutcome.AGAIN, "failed there"),
    MoveRow(0x0213, 0x0213, MoveOutcome.AGAIN, "out of resources"),
    # Many a PACS moves whole studies only.
    MoveRow(0xA900, 0xA9FF, MoveOutcome.OTHER_LEVEL, "what was asked does not match its class"),
    MoveRow(0xC000, 0xCFFF, MoveOutcome.OTHER_LEVEL, "it cannot do that"),
    MoveRow(
        0xA801,
        0xA801,
        MoveOutcome.REFUSED,
        "it does not know us as a destination; register our AE title and address there",
    ),
    MoveRow(0x0117, 0x0117, MoveOutcome.REFUSED, "invalid instance"),
    MoveRow(0x0122, 0x0122, MoveOutcome.REFUSED, "class not supported"),
    MoveRow(0x0124, 0x0124, MoveOutcome.REFUSED, "not authorised"),
    MoveRow(0x0210, 0x0212, MoveOutcome.REFUSED, "the operation is not known there"),
)


def move_meaning(status: int) -> MoveRow:
    """The row of `status`; one that no standard knows is never a success."""
    for row in MOVE_TABLE:
        if row.first <= status <= row.last:
            return row
    return MoveRow(status, status, MoveOutcome.REFUSED, "unknown answer")
