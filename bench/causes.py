"""Why a target is missed, by the name of its row: what was found by measuring. It is printed while it is missed."""

from __future__ import annotations

SPREAD = (
    "When it was missed by 1 % (30 November), its pairs lay between 0.80 and 1.83, wider apart than that: other work "
    "went on beside it."
)
CAUSES: dict[str, str] = {
    "taking over: an image, late / early": SPREAD,
}
