"""Whether a second object with a known SOPInstanceUID is the one that is there already."""

from __future__ import annotations

import struct
from enum import StrEnum
from pathlib import Path

from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from models.data_set import DataSet
from models.decoders import DECODERS
from models.dicom import header_of
from models.domain.identity import nhs_numbers
from models.elements import PIXEL_ELEMENTS, UNDEFINED, Buffer, element_head
from models.part10 import Part10, opened

NUMBERS = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
    "AT": "H",
    "US or SS": "H",
}
TEXTS = frozenset(vr.decode() for vr in b"AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())
NATIVE = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian})
DESCRIPTION = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
)
MATTERS = (
    # where it is filed
    "AccessionNumber",
    "StudyDate",
    "StudyID",
    "SeriesNumber",
    "InstanceNumber",
    "Modality",
    # whom and what it shows, and from which side
    "PatientSex",
    "BodyPartExamined",
    "AnatomicRegionSequence",
    "Laterality",
    "ImageLaterality",
    "FrameLaterality",
    "PatientOrientation",
    "PatientPosition",
    "ViewPosition",
    "ViewCodeSequence",
    "AcquisitionDate",
    # where that is, and how large
    "FrameOfReferenceUID",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    # what its values mean
    "RescaleSlope",
    "RescaleIntercept",
    "Units",
    "PresentationLUTShape",
    "BurnedInAnnotation",
)
"""A sender that changed one of these corrected the image. Anything else (private elements, station, institution,
descriptions, times of sending) changes on the way through many systems and leaves the image what it is."""
CHUNK = 1024 * 1024


class Sameness(StrEnum):
    """SAME_PIXELS: the same patient, study and series, the same content, and a header that agrees where it matters.

    UNDECIDED: it could not be decoded.
    """

    IDENTICAL = "identical"
    SAME_PIXELS = "same-pixels"
    OTHER_IDENTITY = "other-identity"
    OTHER_HEADER = "other-header"
    OTHER_PIXELS = "other-pixels"
    UNDECIDED = "undecided"

    @property
    def conflict(self) -> bool:
        """Whether a person must look; what is undecided may be a conflict."""
        return self not in (Sameness.IDENTICAL, Sameness.SAME_PIXELS)


def compare(first: Path, second: Path) -> Sameness:
    """How the objects at two paths relate; without pixels, their elements are compared instead. Raises Unreadable."""
    with opened(first) as one, opened(second) as other:
        if one.TransferSyntaxUID == other.TransferSyntaxUID and _equal(one.whole, other.whole):
            return Sameness.IDENTICAL
        if _identity(one) != _identity(other):
            return Sameness.OTHER_IDENTITY
        if _nhs_numbers(one) != _nhs_numbers(other) or _differs(one.data_set, other.data_set):
            return Sameness.OTHER_HEADER
        if _same_encoded_pixels(one, other):
            return Sameness.SAME_PIXELS
    return _decoded(first, second)


def _decoded(first: Path, second: Path) -> Sameness:
    one, other = DECODERS.content_digest(first), DECODERS.content_digest(second)
    if one is None or other is None:
        return Sameness.UNDECIDED
    return Sameness.SAME_PIXELS if one == other else Sameness.OTHER_PIXELS


def _identity(part10: Part10) -> tuple[str, ...]:
    header = header_of(part10)
    return header.SOPClassUID, header.StudyInstanceUID, header.SeriesInstanceUID, *header.patient.same_person_fields()


def _nhs_numbers(part10: Part10) -> frozenset[str]:
    return nhs_numbers(header_of(part10).patient)


def _differs(one: DataSet, other: DataSet) -> bool:
    """Whether the headers disagree where it matters; an absent element and an empty one are the same."""
    alike = (one.implicit, one.little, one.codecs) == (other.implicit, other.little, other.codecs)
    for tag in filter(None, map(tag_for_keyword, MATTERS)):
        if alike and one.encoded(tag) == other.encoded(tag):
            continue
        if _meaning(one, tag) != _meaning(other, tag):
            return True
    return False


def _meaning(data_set: DataSet, tag: int) -> object:
    """The value, however it is encoded: text and numbers as read, items without what is empty or private."""
    element = data_set.elements.get(tag)
    if element is None:
        return ()
    vr = dictionary_VR(tag) if dictionary_has_tag(tag) else element.vr
    if vr == "SQ":
        return tuple(
            tuple((inner, meaning) for inner in _public(item) if (meaning := _meaning(item, inner)))
            for item in data_set.items_of(element)
        )
    value = data_set.value(tag)
    if vr in NUMBERS:
        width = struct.calcsize(NUMBERS[vr])
        order = "<" if data_set.little else ">"
        return struct.unpack(f"{order}{len(value) // width}{NUMBERS[vr]}", value[: len(value) // width * width])
    if vr not in TEXTS:
        return value
    parts = [part.strip(" \0") for part in data_set.text_at(tag).split("\\")]
    return tuple(map(_number, parts) if vr in ("DS", "IS") else parts) if any(parts) else ()


def _public(data_set: DataSet) -> list[int]:
    return [tag for tag in sorted(data_set.elements) if tag >> 16 & 1 == 0 and tag & 0xFFFF]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _same_encoded_pixels(one: Part10, other: Part10) -> bool:
    """Whether decoding can be spared: the same bytes, described and compressed in the same way."""
    alike = (
        one.TransferSyntaxUID == other.TransferSyntaxUID or {one.TransferSyntaxUID, other.TransferSyntaxUID} <= NATIVE
    )
    spans = _pixel_span(one), _pixel_span(other)
    return (
        alike
        and all(start < stop for _, start, stop in spans)
        and _description(one) == _description(other)
        and _equal(*spans)
    )


def _description(part10: Part10) -> list[bytes]:
    elements = map(part10.data_set.element, DESCRIPTION)
    return [part10.data_set.value(element.tag) if element else b"" for element in elements]


Span = tuple[Buffer, int, int]


def _pixel_span(part10: Part10) -> Span:
    """The encoded value of the pixel element; empty where there is none."""
    buffer, end, data_set = part10.data_set.buffer, part10.data_set.end, part10.data_set
    if end >= len(buffer):
        return buffer, end, end
    tag, _, length, value = element_head(buffer, end, len(buffer), data_set.implicit, data_set.little)
    if tag not in PIXEL_ELEMENTS:
        return buffer, end, end
    return buffer, value, len(buffer) if length == UNDEFINED else value + length


def _equal(one: Span, other: Span) -> bool:
    (first, start, stop), (second, other_start, other_stop) = one, other
    if stop - start != other_stop - other_start:
        return False
    shift = other_start - start
    return all(
        first[at : min(at + CHUNK, stop)] == second[at + shift : min(at + CHUNK, stop) + shift]
        for at in range(start, stop, CHUNK)
    )
