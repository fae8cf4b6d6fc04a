"""An object about to be sent, in an uncompressed transfer syntax that its destination takes: same pixels, same UID.

What was received never changes. Elements keep their values byte for byte, so that no text is read and written anew;
pixels that are compressed are decoded in a process of their own, which compares what both objects show.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydicom.datadict import dictionary_VR

from models.data_set import DataSet
from models.decoders import DECODERS
from models.domain.errors import Permanent
from models.domain.syntaxes import IMPLICIT, Pixels, syntax_of
from models.elements import DEEPEST, Element, Unreadable
from models.encoding import Encoding, tag_of
from models.harmonised import Harmonised, meta
from models.part10 import Part10, opened

AT_ONCE = 1024 * 1024
EXTENDED_OFFSETS = (0x7FE00001, 0x7FE00002)
"""They speak of fragments that are no more."""
PIXEL_DATA = 0x7FE00010


class Unconvertible(Permanent):
    """The object cannot be sent in that transfer syntax without risk to what it shows."""


@contextmanager
def converted(outgoing: Harmonised, syntax: str) -> Iterator[Harmonised]:
    """`outgoing` in the uncompressed transfer syntax `syntax`, in memory until the end. Raises Unconvertible."""
    descriptor = os.memfd_create("converted")
    try:
        with opened(Path(outgoing.path)) as part10:
            pixels = syntax_of(part10.TransferSyntaxUID).pixels
            if pixels is Pixels.LOSSY and part10.data_set.text("LossyImageCompression") != "01":
                raise Unconvertible("It may have been compressed with loss and does not say so.")
            if pixels is Pixels.NATIVE:
                write(descriptor, part10, syntax, {})
            elif pixels is Pixels.FIXED:
                raise Unconvertible(f"{syntax_of(part10.TransferSyntaxUID).name} is not converted.")
        if pixels is not Pixels.NATIVE and not DECODERS.decompress(Path(outgoing.path), descriptor, syntax):
            raise Unconvertible("Its pixels cannot be decoded.")
        yield Harmonised(f"/proc/self/fd/{descriptor}", outgoing.SOPClassUID, outgoing.SOPInstanceUID, syntax)
    finally:
        os.close(descriptor)


def write(descriptor: int, part10: Part10, syntax: str, changes: Mapping[int, tuple[str, bytes]]) -> None:
    """All elements in the encoding of `syntax`, with `changes` (VR and value by tag) in their places."""
    header = part10.data_set
    _all(descriptor, meta(header.text("SOPClassUID"), header.text("SOPInstanceUID"), syntax))
    buffer, start, end = part10.whole
    whole = DataSet(buffer, start, end, implicit=header.implicit, little=True, to_pixels=False)
    encoding = Encoding(implicit=syntax == IMPLICIT, little=True)
    for tag in sorted(whole.elements.keys() | changes.keys()):
        if tag & 0xFFFF == 0:
            # The retired length of a group would be wrong.
            continue
        if tag in changes:
            vr, value = changes[tag]
            _all(descriptor, encoding.element(tag, vr, value))
        elif not (changes and tag in EXTENDED_OFFSETS):
            _element(descriptor, whole, whole.elements[tag], encoding)


def _element(descriptor: int, data_set: DataSet, element: Element, encoding: Encoding) -> None:
    if element.tag < PIXEL_DATA or element.stop - element.value <= AT_ONCE:
        _all(descriptor, _encoded(data_set, element, encoding, _signed(data_set), 0))
        return
    vr = _vr(element, signed=False)
    _all(descriptor, encoding.head(element.tag, vr, element.stop - element.value))
    for start in range(element.value, element.stop, AT_ONCE):
        _all(descriptor, data_set.buffer[start : min(start + AT_ONCE, element.stop)])


def _encoded(data_set: DataSet, element: Element, encoding: Encoding, signed: bool, depth: int) -> bytes:
    if depth > DEEPEST:
        raise Unreadable(f"The object has sequences nested more than {DEEPEST} deep.")
    vr = _vr(element, signed)
    if vr == "SQ" or element.end != element.stop:
        items = (
            b"".join(
                _encoded(item, one, encoding, signed, depth + 1) for one in item.elements.values() if one.tag & 0xFFFF
            )
            for item in data_set.items_of(element)
        )
        return encoding.element(element.tag, "SQ", b"".join(map(encoding.item, items)))
    return encoding.element(element.tag, vr, data_set.value(element.tag))


def _vr(element: Element, signed: bool) -> str:
    """Its own; else that of the dictionary, chosen as PS3.5 Annex A has it; UN for what nobody knows."""
    if element.vr not in ("", "UN"):
        return element.vr
    try:
        first, *others = dictionary_VR(element.tag).split(" or ")
    except KeyError:
        return "UN"
    if "OW" in others:
        return "OW"
    return "SS" if signed and "SS" in others else first


def _signed(data_set: DataSet) -> bool:
    return data_set.value(tag_of("PixelRepresentation")) == b"\1\0"


def _all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
