"""Whether a second object with a known SOPInstanceUID is the one that is there already."""

from __future__ import annotations

import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from models.dicom import header_of
from models.elements import PIXEL_ELEMENTS, UNDEFINED, Buffer, element_head
from models.part10 import Part10, opened

PATIENCE = 90.0
"""Seconds for one object to be decoded."""

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
CHUNK = 1024 * 1024


class Sameness(StrEnum):
    """SAME_PIXELS: the same patient, study and series, and the same content. UNDECIDED: it could not be decoded."""

    IDENTICAL = "identical"
    SAME_PIXELS = "same-pixels"
    OTHER_IDENTITY = "other-identity"
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
        if _same_encoded_pixels(one, other):
            return Sameness.SAME_PIXELS
    return _decoded(first, second)


def content_digest(path: Path) -> str | None:
    """What models.decode_in_child says of the object; None where it cannot be decoded within its bounds."""
    command = [sys.executable, "-W", "ignore", "-m", "models.decode_in_child", str(path.absolute())]
    try:
        child = subprocess.run(
            command,
            cwd=Path(__file__).parents[1],
            env={"OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    said = child.stdout.decode("ascii", "replace")
    return said if child.returncode == 0 and re.fullmatch(r"[0-9a-f]{64}", said) else None


def _decoded(first: Path, second: Path) -> Sameness:
    one = content_digest(first)
    other = content_digest(second) if one else None
    if one is None or other is None:
        return Sameness.UNDECIDED
    return Sameness.SAME_PIXELS if one == other else Sameness.OTHER_PIXELS


def _identity(part10: Part10) -> tuple[str, ...]:
    header = header_of(part10)
    return header.SOPClassUID, header.StudyInstanceUID, header.SeriesInstanceUID, *header.patient.same_person_fields()


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
