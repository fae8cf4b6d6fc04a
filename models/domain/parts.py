"""What a request tells apart in a study: its images, and what was written about them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Part(StrEnum):
    IMAGES = "images"
    REPORT = "report"


STORAGE = "1.2.840.10008.5.1.4.1.1."
REPORTS = frozenset(f"{STORAGE}{number}" for number in ("88.11", "88.22", "88.33", "88.34", "88.35", "104.1", "104.2"))
"""Text, Enhanced, Comprehensive, 3D and Extensible SR, encapsulated PDF and CDA (PS3.4 Section B.5).

The other structured reports are written by machines: a dose report comes with nearly every CT, and is none.
"""
WRITTEN = frozenset(f"{STORAGE}{number}" for number in ("88.11", "104.2"))
"""Text SR and CDA are what people write. The others may be measurements of a machine, or a request form scanned."""
SCANS = (f"{STORAGE}7", f"{STORAGE}7.1", f"{STORAGE}7.2", f"{STORAGE}7.3", f"{STORAGE}7.4")
"""Secondary capture: a sheet of paper that was scanned comes as such an image."""
BESIDE_IMAGES = (f"{STORAGE}11.", f"{STORAGE}88.", f"{STORAGE}104.")
"""Presentation states, structured reports with key object selections among them, encapsulated documents."""


def parts_of(sop_classes: Iterable[str]) -> frozenset[Part]:
    """Which parts are there, by the SOP Class UIDs of what came; a key object selection alone is neither."""
    found = set[Part]()
    for uid in sop_classes:
        if uid in REPORTS:
            found.add(Part.REPORT)
        elif not uid.startswith(BESIDE_IMAGES):
            found.add(Part.IMAGES)
    return frozenset(found)
