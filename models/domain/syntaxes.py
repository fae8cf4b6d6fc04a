"""Transfer syntaxes: what they are called, and which images may leave uncompressed instead (PS3.5 Section 10, Annex A).

Decompressing loses nothing. What was compressed with loss stays marked as such (PS3.3 Section C.7.6.1.1.5), and nothing
is ever compressed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
UNCOMPRESSED = (EXPLICIT, IMPLICIT)
"""What an image may be converted to, the better first: it keeps the value representations."""


class Pixels(StrEnum):
    """How the pixels are encoded. LOSSY: reversible or not, as the header says."""

    NATIVE = "native"
    LOSSLESS = "lossless"
    LOSSY = "lossy"
    FIXED = "fixed"
    """Not converted here: video, big endian, references to another server."""


@dataclass(frozen=True)
class Syntax:
    name: str
    pixels: Pixels


JPEG = "1.2.840.10008.1.2.4"
SYNTAXES: Mapping[str, Syntax] = {
    IMPLICIT: Syntax("Implicit VR Little Endian", Pixels.NATIVE),
    EXPLICIT: Syntax("Explicit VR Little Endian", Pixels.NATIVE),
    "1.2.840.10008.1.2.1.99": Syntax("Deflated", Pixels.NATIVE),
    "1.2.840.10008.1.2.2": Syntax("Explicit VR Big Endian", Pixels.FIXED),
    "1.2.840.10008.1.2.5": Syntax("RLE Lossless", Pixels.LOSSLESS),
    f"{JPEG}.50": Syntax("JPEG Baseline", Pixels.LOSSY),
    f"{JPEG}.51": Syntax("JPEG Extended", Pixels.LOSSY),
    f"{JPEG}.57": Syntax("JPEG Lossless", Pixels.LOSSLESS),
    f"{JPEG}.70": Syntax("JPEG Lossless (Selection Value 1)", Pixels.LOSSLESS),
    f"{JPEG}.80": Syntax("JPEG-LS Lossless", Pixels.LOSSLESS),
    f"{JPEG}.81": Syntax("JPEG-LS Near-Lossless", Pixels.LOSSY),
    f"{JPEG}.90": Syntax("JPEG 2000 Lossless", Pixels.LOSSLESS),
    f"{JPEG}.91": Syntax("JPEG 2000", Pixels.LOSSY),
    f"{JPEG}.201": Syntax("HTJ2K Lossless", Pixels.LOSSLESS),
    f"{JPEG}.202": Syntax("HTJ2K RPCL Lossless", Pixels.LOSSLESS),
    f"{JPEG}.203": Syntax("HTJ2K", Pixels.LOSSY),
    f"{JPEG}.100": Syntax("MPEG-2 Main Level", Pixels.FIXED),
    f"{JPEG}.101": Syntax("MPEG-2 High Level", Pixels.FIXED),
    f"{JPEG}.102": Syntax("MPEG-4 High Profile", Pixels.FIXED),
    f"{JPEG}.103": Syntax("MPEG-4 BD-compatible", Pixels.FIXED),
    f"{JPEG}.107": Syntax("HEVC Main Profile", Pixels.FIXED),
    f"{JPEG}.108": Syntax("HEVC Main 10 Profile", Pixels.FIXED),
}


def syntax_of(uid: str) -> Syntax:
    """One that is not in the table goes as it is, or not at all."""
    return SYNTAXES.get(uid, Syntax(uid, Pixels.FIXED))


def named_syntax(words: str) -> str:
    """The UID of a transfer syntax in the table, given by name or UID. Raises ValueError for any other."""
    sought = words.strip().casefold()
    for uid, syntax in SYNTAXES.items():
        if sought in (uid, syntax.name.casefold()):
            return uid
    raise ValueError(words)


def in_order(uid: str, preferred: Sequence[str]) -> tuple[str, ...]:
    """In which syntaxes an image of `uid` may leave, the best first for a Node that has these `preferred` ones.

    What it was received in is the first where nothing else is preferred, and always where its pixels are compressed
    with loss: to decode them once and for all is for Nodes that cannot.
    """
    possible = (uid, *conversions(uid))
    if syntax_of(uid).pixels not in (Pixels.NATIVE, Pixels.LOSSLESS):
        return possible
    ranks = {one: rank for rank, one in enumerate(preferred)}
    return tuple(sorted(possible, key=lambda one: ranks.get(one, len(ranks))))


def conversions(uid: str) -> tuple[str, ...]:
    """The syntaxes that an image of transfer syntax `uid` may be converted to, the better first."""
    if syntax_of(uid).pixels is Pixels.FIXED:
        return ()
    return tuple(one for one in UNCOMPRESSED if one != uid)
