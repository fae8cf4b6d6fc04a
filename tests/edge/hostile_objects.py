"""Data sets in Explicit VR Little Endian that must not be taken."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from tests.edge.objects import SOP_CLASS

UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True)
class Hostile:
    content: bytes
    sop_instance: str
    reason: str
    status: int


def short(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HH2sH", group, element, vr, len(value)) + value


def long(group: int, element: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HH2sHL", group, element, vr, 0, len(value) if length is None else length) + value


def tagged(element: int, length: int) -> bytes:
    """An item or a delimiter."""
    return struct.pack("<HHL", 0xFFFE, element, length)


def identity(sop_instance: str, sop_class: str = SOP_CLASS) -> bytes:
    return short(8, 0x16, b"UI", sop_class.encode()) + short(8, 0x18, b"UI", sop_instance.encode())


def nested(levels: int) -> bytes:
    """Items of undefined length within each other."""
    opening = long(0x40, 0xA730, b"SQ", b"", UNDEFINED) + tagged(0xE000, UNDEFINED)
    closing = tagged(0xE00D, 0) + tagged(0xE0DD, 0)
    return opening * levels + closing * levels


def nested_defined(levels: int) -> bytes:
    inner = b""
    for _ in range(levels):
        inner = long(0x40, 0xA730, b"SQ", tagged(0xE000, len(inner)) + inner)
    return inner


def encapsulated(*fragments: bytes, closed: bool = True) -> bytes:
    return long(
        0x7FE0,
        0x10,
        b"OB",
        b"".join(tagged(0xE000, len(one)) + one for one in fragments) + (tagged(0xE0DD, 0) if closed else b""),
        UNDEFINED,
    )


def deflate_bomb(sop_instance: str, size: int = 470_000_000) -> bytes:
    """A data set of `size` zero bytes of pixels, deflated."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = squeeze.compress(identity(sop_instance) + long(0x7FE0, 0x10, b"OW", b"", size))
    zeros = bytes(1_000_000)
    for _ in range(size // len(zeros)):
        deflated += squeeze.compress(zeros)
    return deflated + squeeze.flush()


UID = "1.2.3.4.5"
HEAD = identity(UID)

HOSTILE = {
    "pixels cut": Hostile(HEAD + long(0x7FE0, 0x10, b"OW", bytes(100), 200), UID, "truncated", 0xC000),
    "length beyond the end": Hostile(HEAD + long(8, 0x1234, b"OB", b"", 0xFFFFFF00), UID, "truncated", 0xC000),
    "fragment cut": Hostile(HEAD + encapsulated(b"", bytes(64))[:-40], UID, "truncated", 0xC000),
    "fragments not closed": Hostile(HEAD + encapsulated(b"", bytes(64), closed=False), UID, "truncated", 0xC000),
    "element cut in its header": Hostile(HEAD + b"\x10\x00\x10\x00P", UID, "truncated", 0xC000),
    "sequence not closed": Hostile(HEAD + nested(3)[:-8], UID, "truncated", 0xC000),
    "item longer than its sequence": Hostile(
        HEAD + long(0x40, 0xA730, b"SQ", tagged(0xE000, 500) + bytes(8)) + bytes(600), UID, "truncated", 0xC000
    ),
    "too deep": Hostile(HEAD + nested(400), UID, "too-deep", 0xC000),
    "far too deep": Hostile(HEAD + nested(20_000), UID, "too-deep", 0xC000),
    "too deep with lengths": Hostile(HEAD + nested_defined(400), UID, "too-deep", 0xC000),
    "item out of place": Hostile(HEAD + tagged(0xE000, 0), UID, "unparsable", 0xC000),
    "no item in a sequence": Hostile(HEAD + long(0x40, 0xA730, b"SQ", HEAD), UID, "unparsable", 0xC000),
    "no instance": Hostile(short(8, 0x16, b"UI", SOP_CLASS.encode()), UID, "uid-missing", 0xC000),
    "other instance": Hostile(identity("1.2.3.4.6"), UID, "instance-mismatch", 0xA900),
    "other class": Hostile(identity(UID, "1.2.840.10008.5.1.4.1.1.4"), UID, "class-mismatch", 0xA900),
    "instance only within an item": Hostile(
        long(0x40, 0xA730, b"SQ", tagged(0xE000, len(HEAD)) + HEAD), UID, "uid-missing", 0xC000
    ),
}
