"""The outgoing bytes: a received object with its plan applied, ready to be sent by path.

Elements that the plan does not change, and everything from the pixels on, are the received bytes; the plan's time stamp
and not the clock goes in, so that a retry sends the same bytes.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.coercion import coerced
from models.dicom import header_of
from models.domain.harmonisation import Plan
from models.encoding import Encoding
from models.part10 import Part10, opened

IMPLEMENTATION_CLASS_UID = "2.25.230036570200428854495832222325836305634"
IMPLEMENTATION_VERSION_NAME = "IMAGE_EXCHANGE"


@dataclass(frozen=True)
class Harmonised:
    """A Part 10 file to be sent while the context that gave it is open."""

    path: str
    SOPClassUID: str
    SOPInstanceUID: str
    TransferSyntaxUID: str


@contextmanager
def open_harmonised(path: Path, plan: Plan) -> Iterator[Harmonised]:
    """The object at `path` as the destination receives it, in a nameless file in memory that is gone at the end.

    Raises Unreadable where the object cannot be exchanged.
    """
    with opened(path) as part10:
        header = header_of(part10)
        descriptor = os.memfd_create("harmonised")
        try:
            _write(descriptor, meta(header.SOPClassUID, header.SOPInstanceUID, part10.TransferSyntaxUID))
            _write_data_set(descriptor, part10, coerced(part10.data_set, plan))
            yield Harmonised(
                f"/proc/self/fd/{descriptor}", header.SOPClassUID, header.SOPInstanceUID, part10.TransferSyntaxUID
            )
        finally:
            os.close(descriptor)


def _write_data_set(descriptor: int, part10: Part10, head: bytes) -> None:
    unchanged = head == part10.data_set.encoded()
    if part10.deflated and not unchanged:
        deflate = zlib.compressobj(level=6, wbits=-zlib.MAX_WBITS)
        deflated = deflate.compress(head) + deflate.compress(part10.pixels()) + deflate.flush()
        # PS3.5 Section A.5: a stream of odd length is padded.
        _write(descriptor, deflated + b"\0" * (len(deflated) % 2))
    elif part10.deflated:
        _copy(part10.file, descriptor, part10.offset)
    else:
        _write(descriptor, head)
        _copy(part10.file, descriptor, part10.data_set.end)


def meta(SOPClassUID: str, SOPInstanceUID: str, TransferSyntaxUID: str) -> bytes:
    """Preamble and file meta information (PS3.10 Section 7.1)."""
    explicit = Encoding(implicit=False, little=True)
    elements = b"".join(
        [
            explicit.element(0x00020001, "OB", b"\0\1"),
            explicit.text("MediaStorageSOPClassUID", SOPClassUID),
            explicit.text("MediaStorageSOPInstanceUID", SOPInstanceUID),
            explicit.text("TransferSyntaxUID", TransferSyntaxUID),
            explicit.text("ImplementationClassUID", IMPLEMENTATION_CLASS_UID),
            explicit.text("ImplementationVersionName", IMPLEMENTATION_VERSION_NAME),
        ]
    )
    length = explicit.element(0x00020000, "UL", len(elements).to_bytes(4, "little"))
    return bytes(128) + b"DICM" + length + elements


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _copy(source: int, descriptor: int, offset: int) -> None:
    """From `offset` to the end, within the kernel."""
    while copied := os.sendfile(descriptor, source, offset, 1 << 30):
        offset += copied
