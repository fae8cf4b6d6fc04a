"""Why a target is missed, by the name of its row: what was found by measuring. It is printed while it is missed."""

from __future__ import annotations

CAUSES: dict[str, str] = {
    "first image of a life-critical study behind bulk at full speed, over idle": (
        "Source, exchange, engine and destination share the cores: each step takes twice as long as when idle, the "
        "fetching, the matching and the sending alike. Whether it waits for an association as well is not settled."
    ),
}
