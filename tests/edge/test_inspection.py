"""The walk over encoded data sets: lenient where the field is odd, bounded everywhere."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_edge.elements import TooDeep, Truncated, Unparsable, Walk
from dicom_edge.inspection import Accepted, Flaw, Refused, inspect
from tests.edge.hostile_objects import (
    HEAD,
    HOSTILE,
    UID,
    UNDEFINED,
    deflate_bomb,
    encapsulated,
    identity,
    long,
    nested,
    nested_defined,
    short,
    tagged,
)
from tests.edge.objects import SOP_CLASS, ct, encoded

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
META = bytes(128) + b"DICM" + short(2, 0, b"UL", struct.pack("<L", 0))


def look(tmp_path: Path, data_set: bytes, syntax: str = EXPLICIT, instance: str = UID) -> Accepted | Refused:
    path = tmp_path / "object"
    path.write_bytes(META + data_set)
    return inspect(path, syntax, SOP_CLASS, instance, 1_000_000)


def bare(group: int, element: int, value: bytes, length: int | None = None) -> bytes:
    """An element without VR."""
    return struct.pack("<HHL", group, element, len(value) if length is None else length) + value


ODD = {
    "padding at the end": HEAD + b"\0\0\0",
    "an unknown VR": HEAD + short(0x28, 0x120, b"  ", b"\0\0") + short(0x28, 0x121, b"ZZ", b"\0\0"),
    "an element without VR": HEAD + bare(0x10, 0x10, b"TEST"),
    "implicit items in an explicit data set": HEAD
    + long(8, 0x1140, b"SQ", tagged(0xE000, 14) + bare(8, 0x1150, b"1.2.3\0"))
    + short(0x10, 0x10, b"PN", b"TEST"),
    "UN of undefined length": HEAD
    + long(9, 0x1010, b"UN", tagged(0xE000, UNDEFINED) + bare(8, 0x1150, b"1.2.3\0"), UNDEFINED)
    + tagged(0xE00D, 0)
    + tagged(0xE0DD, 0),
    "a delimiter that closes nothing": HEAD + tagged(0xE00D, 0) + short(0x10, 0x10, b"PN", b"TEST"),
    "an empty sequence": HEAD + long(8, 0x1140, b"SQ", b""),
    "fragments": HEAD + encapsulated(b"", bytes(50), bytes(50)),
    "sixty levels": HEAD + nested(60) + nested_defined(30),
    "no SOPClassUID": short(8, 0x18, b"UI", UID.encode()),
    "UIDs padded with blanks": short(8, 0x16, b"UI", SOP_CLASS.encode() + b"  ") + short(8, 0x18, b"UI", b"1.2.3.4.5 "),
}


@pytest.mark.parametrize("name", sorted(ODD))
def test_odd_but_readable(tmp_path: Path, name: str) -> None:
    assert look(tmp_path, ODD[name]) == Accepted()


def test_other_syntaxes(tmp_path: Path) -> None:
    implicit = bare(8, 0x16, SOP_CLASS.encode() + b"\0") + bare(8, 0x18, UID.encode() + b"\0")
    assert look(tmp_path, implicit, IMPLICIT) == Accepted()
    sequence = bare(8, 0x1140, bare(8, 0x1150, b"1.2"))
    assert look(tmp_path, implicit + sequence, IMPLICIT) == Refused(Flaw.UNPARSABLE)
    big = b"\0\x08\0\x18UI\0\x0a" + UID.encode() + b"\0"
    assert look(tmp_path, big, BIG_ENDIAN) == Accepted()
    assert look(tmp_path, big + b"\x7f\xe0\0\x10OW\0\0\0\0\1\0", BIG_ENDIAN) == Refused(Flaw.TRUNCATED)


def test_deflated(tmp_path: Path) -> None:
    def squeeze(content: bytes) -> bytes:
        stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        return stream.compress(content) + stream.flush()

    assert look(tmp_path, squeeze(HEAD), DEFLATED) == Accepted()
    assert look(tmp_path, squeeze(HEAD)[:-4], DEFLATED) == Refused(Flaw.TRUNCATED)
    assert look(tmp_path, HEAD, DEFLATED) == Refused(Flaw.UNPARSABLE)
    assert look(tmp_path, squeeze(HOSTILE["too deep"].content), DEFLATED) == Refused(Flaw.TOO_DEEP)
    assert look(tmp_path, squeeze(HOSTILE["pixels cut"].content), DEFLATED) == Refused(Flaw.TRUNCATED)
    assert look(tmp_path, squeeze(identity("1.2")), DEFLATED) == Refused(Flaw.INSTANCE_MISMATCH)
    bomb = deflate_bomb(UID, 50_000_000)
    tracemalloc.start()
    assert look(tmp_path, bomb, DEFLATED) == Accepted()
    assert look(tmp_path, bomb, DEFLATED, "1.2") == Refused(Flaw.INSTANCE_MISMATCH)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_nothing_at_all(tmp_path: Path) -> None:
    assert look(tmp_path, b"") == Refused(Flaw.NO_DATA_SET)


def test_pathological_counts(tmp_path: Path) -> None:
    """A million tiny elements are not all looked at; the UIDs at the start are."""
    many = short(0x11, 0x10, b"LO", b"") * 1_000_000
    assert look(tmp_path, HEAD + many) == Accepted()
    assert look(tmp_path, identity("1.2") + many) == Refused(Flaw.INSTANCE_MISMATCH)


@pytest.mark.parametrize("cut", range(1, 400, 7))
def test_cut_anywhere_in_the_pixels(tmp_path: Path, cut: int) -> None:
    ds = ct()
    whole = encoded(ds)
    assert look(tmp_path, whole, instance=str(ds.SOPInstanceUID)) == Accepted()
    assert look(tmp_path, whole[:-cut], instance=str(ds.SOPInstanceUID)) == Refused(Flaw.TRUNCATED)


@settings(max_examples=1500, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes(content: bytes, implicit: bool, little: bool) -> None:
    """Whatever comes, the walk ends and raises nothing else."""
    for data_set in (content, HEAD + nested(3)[:40] + content):
        walk = Walk(data_set, 0, len(data_set), implicit=implicit, little=little)
        with contextlib.suppress(Truncated, Unparsable, TooDeep):
            walk.to_the_end()


@settings(max_examples=1500, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_flipped_byte(position: int, flip: int) -> None:
    content = bytearray(encoded(ct()) + nested(5) + encapsulated(b"", bytes(20)))
    content[position % len(content)] ^= flip
    walk = Walk(bytes(content), 0, len(content), implicit=False, little=True)
    with contextlib.suppress(Truncated, Unparsable, TooDeep):
        walk.to_the_end()
