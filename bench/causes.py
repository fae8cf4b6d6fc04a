"""Why a target is missed, by the name of its row: what was found by measuring. It is printed while it is missed."""

from __future__ import annotations

CAUSES: dict[str, str] = {}
