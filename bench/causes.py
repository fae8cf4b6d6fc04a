"""Why a target is missed, by the name of its row: what was found by measuring. It is printed while it is missed."""

from __future__ import annotations

SHARED = (
    "Source, exchange, engine and destination share the cores, which the bulk keeps nine tenths busy: each step takes "
    "two to three times as long as when idle (quick size on 30 November, medians of three: list 0.3 s, then 0.8; fetch "
    "0.9 s, then 2.1; compare 0.4 s, then 0.7). It does not queue: from its release to its first image 0.2 s, then 0.4 "
    "to 0.8."
)
SPREAD = (
    "When it was missed by 1 % (30 November), its pairs lay between 0.80 and 1.83, wider apart than that: other work "
    "went on beside it."
)
CAUSES: dict[str, str] = {
    "taking over: an image, late / early": SPREAD,
    "first image of a life-critical study behind bulk, over idle": SHARED,
    "first image of a life-critical study behind bulk at full speed, over idle": SHARED,
}
