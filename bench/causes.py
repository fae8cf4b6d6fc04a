"""Why a target is missed, by the name of its row: what was found by measuring. It is printed while it is missed."""

from __future__ import annotations

ASKED_TOO_OFTEN = (
    "Each word that the study has grown costs ten events: it asks whether all has come, though while its sender is "
    "connected that is settled by other means."
)
CAUSES: dict[str, str] = {
    "events of StudyArrival": ASKED_TOO_OFTEN,
    "events of StudyArrival (fetched)": ASKED_TOO_OFTEN,
    "first image of a life-critical study behind bulk at full speed, over idle": (
        "Source, exchange, engine and destination share the cores: each step takes twice as long as when idle, the "
        "fetching, the matching and the sending alike. It does not wait for an association."
    ),
}
