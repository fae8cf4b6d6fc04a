"""A cheap look at a received object: is it all there, is it what the request says, can it be read?

Nothing is decoded. Statuses are those of PS3.4 Table B.2-1 and PS3.7 Annex C.
"""

from __future__ import annotations

import mmap
import os
import re
import threading
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dicom_edge.elements import SOP_CLASS_UID, SOP_INSTANCE_UID, TooDeep, Truncated, Unparsable, Walk
from models.part10 import DEFLATED

UID = re.compile(r"[0-9.]{1,64}")
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
PREAMBLE = 132
GROUP_LENGTH_ELEMENT = 12
CHUNK = 65536

_inflating = threading.Lock()


class Flaw(StrEnum):
    """Why an object was refused."""

    NO_DATA_SET = "no-data-set"
    TRUNCATED = "truncated"
    UNPARSABLE = "unparsable"
    TOO_DEEP = "too-deep"
    UID_MISSING = "uid-missing"
    UID_INVALID = "uid-invalid"
    INSTANCE_MISMATCH = "instance-mismatch"
    CLASS_MISMATCH = "class-mismatch"


CANNOT_UNDERSTAND = 0xC000
DOES_NOT_MATCH = 0xA900
INVALID_INSTANCE = 0x0117

STATUSES = {
    Flaw.NO_DATA_SET: CANNOT_UNDERSTAND,
    Flaw.TRUNCATED: CANNOT_UNDERSTAND,
    Flaw.UNPARSABLE: CANNOT_UNDERSTAND,
    Flaw.TOO_DEEP: CANNOT_UNDERSTAND,
    Flaw.UID_MISSING: CANNOT_UNDERSTAND,
    Flaw.UID_INVALID: INVALID_INSTANCE,
    Flaw.INSTANCE_MISMATCH: DOES_NOT_MATCH,
    Flaw.CLASS_MISMATCH: DOES_NOT_MATCH,
}


@dataclass(frozen=True)
class Accepted:
    """Readable to its end, or too large to be checked here."""


@dataclass(frozen=True)
class Refused:
    """`reason`, and the C-STORE status that says so."""

    reason: Flaw

    @property
    def status(self) -> int:
        return STATUSES[self.reason]


def inspect(path: Path, transfer_syntax: str, sop_class: str, sop_instance: str, inflated: int) -> Accepted | Refused:
    """Whether the Part 10 file at `path` holds the object that the C-STORE request named.

    A deflated data set is inflated to at most `inflated` bytes; if it is longer only its beginning is checked.
    An object without SOPClassUID is let in: the request says what it is. OSError when the file cannot be read.
    """
    if not UID.fullmatch(sop_instance) or not UID.fullmatch(sop_class):
        return Refused(Flaw.UID_INVALID)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        start = _data_set_start(mapped)
        if start == len(mapped):
            return Refused(Flaw.NO_DATA_SET)
        if transfer_syntax in DEFLATED:
            # One at a time, so that many such objects together cannot take the memory either.
            with _inflating:
                return _inspect_deflated(mapped, start, sop_class, sop_instance, inflated)
        walk = Walk(
            mapped,
            start,
            len(mapped),
            implicit=transfer_syntax == IMPLICIT,
            little=transfer_syntax != BIG_ENDIAN,
            at=lambda position: os.pread(file.fileno(), 8, position),
        )
        return _judge(walk, sop_class, sop_instance, whole=True)


def _data_set_start(mapped: mmap.mmap) -> int:
    """Past the file meta information, whose first element gives its length (PS3.10 Section 7.1)."""
    value = PREAMBLE + GROUP_LENGTH_ELEMENT
    return value + int.from_bytes(mapped[value - 4 : value], "little")


def _inspect_deflated(
    mapped: mmap.mmap, start: int, sop_class: str, sop_instance: str, inflated: int
) -> Accepted | Refused:
    with mmap.mmap(-1, inflated) as content:
        try:
            length, whole = _inflate(mapped, start, content)
        except zlib.error:
            return Refused(Flaw.UNPARSABLE)
        except Truncated:
            return Refused(Flaw.TRUNCATED)
        walk = Walk(content, 0, length, implicit=False, little=True)
        return _judge(walk, sop_class, sop_instance, whole=whole)


def _inflate(deflated: mmap.mmap, position: int, content: mmap.mmap) -> tuple[int, bool]:
    """Inflate into `content`: how many bytes that gave, and whether it was everything.

    Raises Truncated when the stream breaks off, zlib.error when it is none.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    chunk = b""
    while not stream.eof and content.tell() < len(content):
        if not chunk:
            chunk = deflated[position : position + CHUNK]
            position += len(chunk)
            if not chunk:
                raise Truncated
        content.write(stream.decompress(chunk, min(CHUNK, len(content) - content.tell())))
        chunk = stream.unconsumed_tail
    return content.tell(), stream.eof


def _judge(walk: Walk, sop_class: str, sop_instance: str, *, whole: bool) -> Accepted | Refused:
    flaw = None
    try:
        walk.to_the_end()
    except Truncated:
        flaw = Flaw.TRUNCATED if whole else None
    except Unparsable:
        flaw = Flaw.UNPARSABLE
    except TooDeep:
        flaw = Flaw.TOO_DEEP
    if flaw:
        return Refused(flaw)
    if not walk.uids.get(SOP_INSTANCE_UID):
        return Refused(Flaw.UID_MISSING)
    if walk.uids[SOP_INSTANCE_UID] != sop_instance:
        return Refused(Flaw.INSTANCE_MISMATCH)
    if walk.uids.get(SOP_CLASS_UID, sop_class) != sop_class:
        return Refused(Flaw.CLASS_MISMATCH)
    return Accepted()
