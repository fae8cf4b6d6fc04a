"""Encoding of the few elements that the exchange writes itself (PS3.5 Section 7)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from pydicom.datadict import dictionary_VR, tag_for_keyword

from models import character_sets
from models.data_set import DataSet
from models.elements import ITEM, SHORT_VR, Unreadable

SHORT_LIMIT = 0xFFFE


class Unencodable(Exception):
    """The text does not fit the declared character set."""


@dataclass(frozen=True)
class Encoding:
    """How the elements of one data set are written."""

    implicit: bool
    little: bool
    codecs: tuple[str, ...] = character_sets.DEFAULT

    def text(self, keyword: str, value: str) -> bytes:
        """One element holding `value`, or zero length. Raises Unencodable."""
        encoded = character_sets.encode(value, self.codecs)
        if encoded is None:
            raise Unencodable
        vr = vr_of(keyword)
        return self.element(tag_of(keyword), vr, encoded + (b"\0" if vr == "UI" else b" ") * (len(encoded) % 2))

    def sequence(self, keyword: str, items: Sequence[bytes]) -> bytes:
        """A sequence whose items hold the given encoded elements; zero length without any."""
        return self.element(tag_of(keyword), "SQ", b"".join(map(self.item, items)))

    def item(self, elements: bytes) -> bytes:
        return struct.pack("<HHL" if self.little else ">HHL", ITEM >> 16, ITEM & 0xFFFF, len(elements)) + elements

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """One element; `vr` "" writes it without a value representation."""
        return self.head(tag, vr, len(value)) + value

    def head(self, tag: int, vr: str, length: int) -> bytes:
        """What stands before a value of that many bytes."""
        group, number = divmod(tag, 0x10000)
        order = "<" if self.little else ">"
        if self.implicit or not vr:
            return struct.pack(f"{order}HHL", group, number, length)
        if vr.encode() in SHORT_VR:
            if length > SHORT_LIMIT:
                raise Unreadable("The object holds an identifier that is too long to be kept.")
            return struct.pack(f"{order}HH2sH", group, number, vr.encode(), length)
        return struct.pack(f"{order}HH2s2xL", group, number, vr.encode(), length)

    def empty(self, tag: int) -> bytes:
        """The element with zero length."""
        return self.element(tag, dictionary_VR(tag), b"")


def encoding_of(data_set: DataSet) -> Encoding:
    """That of the data set itself."""
    return Encoding(data_set.implicit, data_set.little, data_set.codecs)


def with_items(data_set: DataSet, keyword: str, items: Sequence[bytes]) -> dict[int, bytes]:
    """The sequence by its tag, with those of `items` (encoded elements) appended that it lacks; empty without any.

    Raises Unencodable where the present sequence has not the data set's own encoding.
    """
    element = data_set.element(keyword)
    present = [item.encoded() for item in data_set.items(keyword)]
    encoding = encoding_of(data_set)
    added = b"".join(encoding.item(content) for content in items if content not in present)
    if not added:
        return {}
    if element is None or element.value == element.end:
        return {tag_of(keyword): encoding.element(tag_of(keyword), "SQ", added)}
    if element.vr != ("" if data_set.implicit else "SQ"):
        raise Unencodable
    value = data_set.value(element.tag) + added
    if element.stop == element.end:
        return {element.tag: encoding.element(element.tag, "SQ", value)}
    head, delimiter = (element.start, element.value), (element.stop, element.end)
    return {element.tag: data_set.buffer[slice(*head)] + value + data_set.buffer[slice(*delimiter)]}


def spliced(data_set: DataSet, changes: Mapping[int, bytes]) -> bytes:
    """The data set with encoded elements put in their places, by tag; empty bytes remove one.

    The retired lengths of the groups touched are left out: they would be wrong.
    """
    cuts = []
    lengths = {tag & 0xFFFF0000 for tag in changes} & data_set.elements.keys()
    for tag, encoded in (dict.fromkeys(lengths, b"") | dict(changes)).items():
        if present := data_set.elements.get(tag):
            cuts.append((present.start, tag, present.end, encoded))
        else:
            place = next((other.start for other in data_set.elements.values() if other.tag > tag), data_set.end)
            cuts.append((place, tag, place, encoded))
    pieces, position = [], data_set.start
    for start, _, end, encoded in sorted(cuts):
        pieces += [data_set.buffer[position:start], encoded]
        position = end
    return b"".join([*pieces, data_set.buffer[position : data_set.end]])


@cache
def vr_of(keyword: str) -> str:
    """The value representation of a keyword of the dictionary."""
    return dictionary_VR(keyword)


@cache
def tag_of(keyword: str) -> int:
    """The tag of a keyword of the dictionary."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag
