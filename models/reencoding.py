"""A header's text in Unicode, for objects whose declared character set cannot hold what is to be written into them."""

from __future__ import annotations

from pydicom.datadict import dictionary_VR

from models import character_sets
from models.data_set import DataSet
from models.elements import DEEPEST, Element, Unreadable
from models.encoding import Encoding, tag_of

TEXT_VR = frozenset(["LO", "LT", "PN", "SH", "ST", "UC", "UT"])
SPECIFIC_CHARACTER_SET = tag_of("SpecificCharacterSet")
UNICODE_CODECS = character_sets.codecs_of(character_sets.UNICODE)


def in_unicode(data_set: DataSet) -> bytes:
    """The elements of `data_set`, their text in UTF-8 and declared as ISO_IR 192; the rest as it was.

    Known elements that came as UN get their own value representation. Raises Unreadable.
    """
    encoding = Encoding(data_set.implicit, data_set.little, UNICODE_CODECS)
    declaration = encoding.text("SpecificCharacterSet", character_sets.UNICODE)
    elements = _elements(data_set, encoding, 0)
    before = [encoded for tag, encoded in elements if tag < SPECIFIC_CHARACTER_SET]
    after = [encoded for tag, encoded in elements if tag > SPECIFIC_CHARACTER_SET]
    return b"".join([*before, declaration, *after])


def _elements(data_set: DataSet, encoding: Encoding, depth: int) -> list[tuple[int, bytes]]:
    """Each element but the character set: items inherit that of the data set."""
    if depth > DEEPEST:
        raise Unreadable(f"The object has sequences nested more than {DEEPEST} deep.")
    return [
        (element.tag, _element(data_set, element, encoding, depth))
        for element in data_set.elements.values()
        if element.tag != SPECIFIC_CHARACTER_SET
    ]


def _element(data_set: DataSet, element: Element, encoding: Encoding, depth: int) -> bytes:
    vr = element.vr if element.vr not in ("", "UN") else _known_vr(element.tag)
    if vr == "SQ":
        items = [
            b"".join(encoded for _, encoded in _elements(item, encoding, depth + 1))
            for item in data_set.items_of(element)
        ]
        return encoding.element(element.tag, "SQ", b"".join(map(encoding.item, items)))
    if vr in TEXT_VR:
        text = character_sets.decode(data_set.value(element.tag), data_set.codecs).encode()
        return encoding.element(element.tag, vr, text + b" " * (len(text) % 2))
    if data_set.implicit == encoding.implicit:
        return data_set.encoded(element.tag)
    return encoding.element(element.tag, vr, data_set.value(element.tag))


def _known_vr(tag: int) -> str:
    """Of the dictionary, the first where it leaves a choice; UN for what it does not know."""
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return "UN"
