"""A DICOM file as it lies on disk (PS3.10 Section 7): its file meta information and where its data set is."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from models.data_set import DataSet
from models.elements import Buffer, Unreadable, element_head

JPIP_DEFLATED = ("1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205")
DEFLATED = frozenset({DeflatedExplicitVRLittleEndian, *JPIP_DEFLATED})
"""Transfer syntaxes whose whole data set is deflated (PS3.5 Annex A)."""
INFLATED_AT_MOST = 64 * 1024 * 1024
"""Bytes; a deflated object that grows beyond is taken for a bomb."""

DATA_SET = 132
"""The offset after the preamble and its prefix."""

UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True)
class Part10:
    """One opened file. `file` is its descriptor, `offset` where its (perhaps deflated) data set begins in it."""

    file: int
    offset: int
    data_set: DataSet
    TransferSyntaxUID: str

    @property
    def deflated(self) -> bool:
        return self.TransferSyntaxUID in DEFLATED

    @property
    def whole(self) -> tuple[Buffer, int, int]:
        """The (inflated) data set: a buffer, and where it begins and ends there."""
        return self.data_set.buffer, self.data_set.start, len(self.data_set.buffer)

    def pixels(self) -> bytes:
        """Everything from the pixels on, as encoded (but inflated)."""
        return self.data_set.buffer[self.data_set.end :]


@contextmanager
def opened(path: Path) -> Iterator[Part10]:
    """The file at `path`, closed at the end. Raises Unreadable; OSError only where the file cannot be opened."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size <= DATA_SET:
            raise Unreadable("The object is too short to be a DICOM file.")
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            yield _located(file.fileno(), content)


def _located(file: int, content: mmap) -> Part10:
    if content[128:DATA_SET] != b"DICM":
        raise Unreadable("The object is not a DICOM file: it lacks the prefix DICM.")
    meta_end = _end_of_meta(content)
    meta = DataSet(content, DATA_SET, meta_end, implicit=False, little=True)
    syntax = meta.text("TransferSyntaxUID")
    if not UID.fullmatch(syntax):
        raise Unreadable("The object has no valid TransferSyntaxUID.")
    buffer: Buffer = content
    start = meta_end
    if syntax in DEFLATED:
        buffer, start = _inflated(content[meta_end:]), 0
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    data_set = DataSet(buffer, start, len(buffer), implicit=implicit, little=little)
    return Part10(file, meta_end, data_set, syntax)


def _end_of_meta(content: mmap) -> int:
    """Where group 0002 ends. Its own length is not believed: it is often wrong, and sometimes absent."""
    position = DATA_SET
    while content[position : position + 2] == b"\x02\x00":
        _, _, length, value = element_head(content, position, len(content), implicit=False, little=True)
        position = value + length
    if position > len(content):
        raise Unreadable("The object is cut off within its file meta information.")
    return position


def _inflated(deflated: bytes) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = stream.decompress(deflated, INFLATED_AT_MOST)
    except zlib.error as error:
        raise Unreadable("The object's deflated data set is damaged.") from error
    if not stream.eof and len(inflated) >= INFLATED_AT_MOST:
        raise Unreadable(f"The object inflates to more than {INFLATED_AT_MOST} bytes.")
    if not stream.eof:
        raise Unreadable("The object is cut off within its deflated data set.")
    return inflated
