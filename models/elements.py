"""Where the elements of an encoded data set lie (PS3.5 Section 7), without decoding or copying them.

Our own scan and not pydicom's reader: it is bounded on hostile input (no recursion), and knowing the offsets lets a
header be changed with every other byte left as it was.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

from models.domain.errors import Permanent

Buffer = bytes | mmap

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_ELEMENTS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
SHORT_VR = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VR = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
DEEPEST = 64
"""Levels of nested sequences; the deepest real objects have about ten."""
MOST_ELEMENTS = 300_000
"""Elements and items read of one object: each takes a few hundred bytes of memory, but as few as 8 of the object."""


class Unreadable(Permanent):
    """The bytes are not a DICOM object that can be exchanged; the message says why, without patient detail."""


class Element(NamedTuple):
    """Offsets of one element: its head at `start`, its value from `value` to `stop`, the next element at `end`."""

    tag: int
    vr: str
    start: int
    value: int
    stop: int
    end: int


def walk(buffer: Buffer, position: int, limit: int, implicit: bool, little: bool, to_pixels: bool) -> Iterator[Element]:
    """Each element from `position` to `limit`, or to the pixels."""
    while position < limit:
        if limit - position < 8 and not any(buffer[position:limit]):
            return
        tag, vr, length, value = element_head(buffer, position, limit, implicit, little)
        if to_pixels and tag in PIXEL_ELEMENTS:
            if length != UNDEFINED and value + length > limit:
                raise Unreadable("The object is cut off within its pixels.")
            return
        if length == 0 and (tag == 0 or tag >> 16 == ITEM >> 16):
            # Zero padding at the end, and delimiters that close nothing, are met in the field.
            position = value
            continue
        if length == UNDEFINED:
            stop = _delimiter(buffer, value, limit, False, implicit, little)
            end = stop + 8
        else:
            stop = end = value + length
        if end > limit:
            raise Unreadable("The object is cut off within its header.")
        yield Element(tag, vr, position, value, stop, end)
        position = end


def element_head(buffer: Buffer, position: int, limit: int, implicit: bool, little: bool) -> tuple[int, str, int, int]:
    """Tag, value representation ("" where implicit), length of the value and its offset."""
    if position + 8 > limit:
        raise Unreadable("The object is cut off within its header.")
    if not implicit:
        group, number, vr, length = struct.unpack_from("<HH2sH" if little else ">HH2sH", buffer, position)
        tag = group << 16 | number
        if vr in SHORT_VR:
            return tag, vr.decode("ascii"), length, position + 8
        if vr in LONG_VR:
            if position + 12 > limit:
                raise Unreadable("The object is cut off within its header.")
            (length,) = struct.unpack_from("<L" if little else ">L", buffer, position + 8)
            return tag, vr.decode("ascii"), length, position + 12
        if all(0x20 <= character < 0x7F for character in vr):
            # A VR that nobody knows, or two blanks: DCMTK takes such lengths to be short as well.
            return tag, vr.decode("ascii"), length, position + 8
        # Some writers fall back to implicit elements within an explicit data set.
    group, number, length = struct.unpack_from("<HHL" if little else ">HHL", buffer, position)
    return group << 16 | number, "", length, position + 8


def _delimiter(buffer: Buffer, position: int, limit: int, in_item: bool, implicit: bool, little: bool) -> int:
    """Where the delimiter stands that closes the sequence (or item) of undefined length with content at `position`."""
    layout = struct.Struct("<HHL" if little else ">HHL")
    opened = [(in_item, implicit)]
    while True:
        if position + 8 > limit:
            raise Unreadable("The object is cut off within a sequence.")
        if len(opened) > DEEPEST:
            raise Unreadable(f"The object has sequences nested more than {DEEPEST} deep.")
        group, number, length = layout.unpack_from(buffer, position)
        tag = group << 16 | number
        in_item, implicit = opened[-1]
        if tag == (ITEM_DELIMITER if in_item else SEQUENCE_DELIMITER):
            opened.pop()
            if not opened:
                return position
            position += 8
        elif in_item:
            tag, vr, length, value = element_head(buffer, position, limit, implicit, little)
            if length == UNDEFINED:
                opened.append((False, implicit and vr != "UN"))
                position = value
            else:
                position = value + length
        elif tag == ITEM:
            position += 8
            if length == UNDEFINED:
                opened.append((True, is_implicit(buffer, position, limit, implicit)))
            else:
                position += length
        else:
            raise Unreadable("The object has something other than items within a sequence.")


def items(buffer: Buffer, sequence: Element, implicit: bool, little: bool) -> Iterator[tuple[int, int, bool]]:
    """Start, stop and kind of encoding of the content of each item."""
    position = sequence.value
    while position < sequence.stop:
        if position + 8 > sequence.stop:
            raise Unreadable("The object is cut off within a sequence.")
        group, number, length = struct.unpack_from("<HHL" if little else ">HHL", buffer, position)
        if group << 16 | number != ITEM:
            raise Unreadable("The object has something other than items within a sequence.")
        position += 8
        inside = is_implicit(buffer, position, sequence.stop, implicit)
        if length == UNDEFINED:
            stop = _delimiter(buffer, position, sequence.stop, True, inside, little)
            end = stop + 8
        else:
            stop = end = position + length
        if end > sequence.stop:
            raise Unreadable("The object is cut off within a sequence.")
        yield position, stop, inside
        position = end


def is_implicit(buffer: Buffer, position: int, limit: int, assumed: bool) -> bool:
    """What the first element says: writers do not always keep to the transfer syntax, and UN holds implicit items."""
    if position + 8 > limit:
        return assumed
    vr = buffer[position + 4 : position + 6]
    return not (vr in SHORT_VR or vr in LONG_VR or (not assumed and vr.isalpha() and vr.isupper()))
