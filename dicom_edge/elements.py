"""Walks the elements of an encoded data set (PS3.5 Section 7) to its very end, without decoding any value.

Lengths are followed, not read: the pixels of an object are stepped over, so that even a large one costs only what
its header costs. As lenient as pydicom where objects in the field are odd (a VR left out, implicit items within
explicit data sets, zero padding at the end), since what can be read must not be turned away.

A scanner of its own beside that of models.elements, which says where each element of one level is: this one goes
through all levels, keeps nothing, and may spend 0.15 ms on an image. What a VR or an encoding is, both read alike.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from pydicom._dicom_dict import DicomDictionary

from models.elements import DEEPEST, LONG_VR, MOST_ELEMENTS, SHORT_VR, UNDEFINED, Buffer, is_implicit

SOP_CLASS_UID = (0x0008, 0x0016)
SOP_INSTANCE_UID = (0x0008, 0x0018)
ITEM, ITEM_END, SEQUENCE_END = 0xE000, 0xE00D, 0xE0DD
SEQUENCES = frozenset((tag >> 16, tag & 0xFFFF) for tag, entry in DicomDictionary.items() if entry[0] == "SQ")


class Truncated(Exception):
    """A length leads beyond the end, or something that was opened is never closed."""


class Unparsable(Exception):
    """What is there is no data set."""


class TooDeep(Exception):
    """More than DEEPEST items within each other."""


class _Enough(Exception):
    """MOST_ELEMENTS have been seen; the rest is taken on trust, since ingest has more time."""


class Walk:
    """One walk over `buffer` from `start`; afterwards `uids` has the two identifying UIDs as far as they are there."""

    def __init__(
        self,
        buffer: Buffer,
        start: int,
        end: int,
        *,
        implicit: bool,
        little: bool,
        at: Callable[[int], bytes] | None = None,
    ) -> None:
        """`at` reads eight bytes at a position: of a file, so that stepping through fragments does not map it all."""
        self._buffer = buffer
        self._start = start
        self._end = end
        self._implicit = implicit
        order = "<" if little else ">"
        self._tag_and_length = Struct(order + "HHL").unpack_from
        self._short = Struct(order + "H").unpack_from
        self._long = Struct(order + "L").unpack_from
        self._at = at or (lambda position: bytes(buffer[position : position + 8]))
        self._left = MOST_ELEMENTS
        self.uids: dict[tuple[int, int], str] = {}

    def to_the_end(self) -> None:
        """Raises Truncated, Unparsable or TooDeep; what was met before is in `uids` all the same."""
        try:
            self._data_set(self._start, self._end, 0, delimited=False, implicit=self._implicit)
        except _Enough:
            return

    def _data_set(self, position: int, end: int, depth: int, *, delimited: bool, implicit: bool) -> int:
        """Past the last element: `end`, or past the item delimiter where the length is undefined."""
        if depth > DEEPEST:
            raise TooDeep
        buffer = self._buffer
        implicit = is_implicit(buffer, position, end, implicit)
        while position < end:
            self._left -= 1
            if not self._left:
                raise _Enough
            if end - position < 8:
                return self._remainder(position, end, delimited)
            group, element, length = self._tag_and_length(buffer, position)
            if group == 0xFFFE:
                if element == ITEM:
                    raise Unparsable
                position += 8
                if delimited and element == ITEM_END:
                    return position
                continue
            vr = None
            value = position + 8
            if not implicit:
                code = buffer[position + 4 : position + 6]
                if code in SHORT_VR:
                    vr = code
                    (length,) = self._short(buffer, position + 6)
                elif code in LONG_VR:
                    vr = code
                    if end - position < 12:
                        raise Truncated
                    (length,) = self._long(buffer, position + 8)
                    value = position + 12
                elif code.isascii() and code.decode("ascii").isprintable():
                    # A VR that nobody knows, or two blanks; anything else is an element without VR.
                    (length,) = self._short(buffer, position + 6)
            if length == UNDEFINED:
                position = self._undefined(group, element, vr, value, end, depth, implicit)
                continue
            position = value + length
            if position > end:
                raise Truncated
            if vr == b"SQ" or (vr is None and (group, element) in SEQUENCES):
                self._sequence(value, position, depth, delimited=False, implicit=implicit)
            elif depth == 0 and group == 8 and (element == 0x16 or element == 0x18):
                self.uids[(group, element)] = _text(buffer[value : value + min(length, 80)])
        if delimited:
            raise Truncated
        return position

    def _undefined(
        self, group: int, element: int, vr: bytes | None, value: int, end: int, depth: int, implicit: bool
    ) -> int:
        if vr in (b"OB", b"OW") or (group == 0x7FE0 and element == 0x0010):
            return self._fragments(value, end)
        # UN of undefined length holds implicit VR items, whatever surrounds it (PS3.5 Section 6.2.2).
        return self._sequence(value, end, depth, delimited=True, implicit=implicit or vr == b"UN")

    def _sequence(self, position: int, end: int, depth: int, *, delimited: bool, implicit: bool) -> int:
        while position < end:
            if end - position < 8:
                return self._remainder(position, end, delimited)
            group, element, length = self._tag_and_length(self._buffer, position)
            position += 8
            if group == 0xFFFE and element == SEQUENCE_END:
                if delimited:
                    return position
                continue
            if group != 0xFFFE or element != ITEM:
                raise Unparsable
            if length == UNDEFINED:
                position = self._data_set(position, end, depth + 1, delimited=True, implicit=implicit)
                continue
            if position + length > end:
                raise Truncated
            position = self._data_set(position, position + length, depth + 1, delimited=False, implicit=implicit)
        if delimited:
            raise Truncated
        return position

    def _fragments(self, position: int, end: int) -> int:
        """Encapsulated pixel data (PS3.5 Annex A.4): items of defined length up to the sequence delimiter."""
        while end - position >= 8:
            group, element, length = self._tag_and_length(self._at(position))
            position += 8
            if group != 0xFFFE:
                raise Unparsable
            if element == SEQUENCE_END:
                return position
            position += length
        raise Truncated

    def _remainder(self, position: int, end: int, delimited: bool) -> int:
        """A few zero bytes are padding; anything else is the beginning of an element that is not all there."""
        if delimited or any(self._buffer[position:end]):
            raise Truncated
        return end


def _text(value: bytes) -> str:
    return value.decode("ascii", errors="replace").strip(" \0")
