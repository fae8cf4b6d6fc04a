"""Why a sender was turned away at the door, and what is to be done about it, in words."""

from __future__ import annotations

from collections.abc import Mapping

WHY: Mapping[str, str] = {
    "called-ae-title-unknown": (
        "It called an AE title that is nobody's; its people set it to IEP, or to IEP_ and the destination's ODS code."
    ),
    "calling-ae-title-unknown": (
        "Its AE title and its address belong to no Node; if it is a hospital's, register it, and let it send again."
    ),
    "address-shared": (
        "Its AE title belongs to no Node, and its address to several Institutions; register it under that AE title."
    ),
    "certificate-not-bound": "Its certificate is not the one of the Node that it says it is; ring its people.",
    "no-directory": "The receiver did not know the registered Nodes yet; the sender may try again.",
    "spool-low": "The disk of the receiver was nearly full; make room there, then the sender may try again.",
    "too-many-associations": "Too many associations were open at once; the sender may try again.",
}
"""By reason, as the edges write it down."""
