"""Telling a repeated object from one that only claims to be the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from models import decode_in_child
from models.decoders import DECODERS
from models.same_object import Sameness, compare
from tests.conftest import Peers
from tests.models.objects import ct, write

SMALL = {"Rows": 64, "Columns": 64}
PIXELS = (np.arange(64 * 64, dtype="<u2") % 4096).tobytes()


def code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, "SCT"
    return item


def other_id(value: str) -> Dataset:
    item = Dataset()
    item.PatientID, item.IssuerOfPatientID = value, "NHS"
    return item


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write(tmp_path / "first", ct(**SMALL, PixelData=PIXELS))


def test_the_same_bytes_are_identical_whatever_stands_before_the_data_set(first: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copyfile(first, second)
    assert compare(first, second) is Sameness.IDENTICAL
    second.write_bytes(b"X" * 128 + first.read_bytes()[128:])
    assert compare(first, second) is Sameness.IDENTICAL
    assert not compare(first, second).conflict


def test_a_changed_description_is_the_same_image(first: Path, tmp_path: Path) -> None:
    second = write(tmp_path / "second", ct(**SMALL, PixelData=PIXELS, StudyDescription="CT Head and Neck"))
    assert compare(first, second) is Sameness.SAME_PIXELS


@pytest.mark.parametrize(
    "changed", [{"PatientID": "H9"}, {"StudyInstanceUID": "2.25.9"}, {"PatientBirthDate": "19700103"}]
)
def test_another_identity_is_a_conflict(first: Path, tmp_path: Path, changed: dict[str, str]) -> None:
    second = write(tmp_path / "second", ct(**SMALL, PixelData=PIXELS, **changed))
    assert compare(first, second) is Sameness.OTHER_IDENTITY
    assert compare(first, second).conflict


@pytest.mark.parametrize(
    "changed",
    [
        {"AccessionNumber": "NEWACC1"},
        {"AccessionNumber": None},
        {"StudyDate": "20260302"},
        {"PatientSex": "M"},
        {"Modality": "MR"},
        {"ImageLaterality": "L"},
        {"BodyPartExamined": "CHEST"},
        {"ViewPosition": "PA"},
        {"ImagePositionPatient": ["0", "0", "5"]},
        {"ImageOrientationPatient": ["-1", "0", "0", "0", "1", "0"]},
        {"ViewCodeSequence": [code("399162004")]},
        {"OtherPatientIDsSequence": [other_id("9990000018")]},
    ],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_header_that_was_corrected_is_a_conflict(
    first: Path, tmp_path: Path, changed: dict[str, Any], syntax: str
) -> None:
    second = write(tmp_path / "second", ct(**SMALL, PixelData=PIXELS, **changed), syntax)
    assert compare(first, second) is Sameness.OTHER_HEADER
    assert compare(first, second).conflict


@pytest.mark.parametrize(
    "changed",
    [
        {"InstitutionName": "Elsewhere", "StationName": "A9", "InstanceCreationTime": "121314"},
        {"SpecificCharacterSet": "ISO_IR 192"},
        {"ImagePositionPatient": ["0.000", "0.0", "0"], "AccessionNumber": "OLDACC1 "},
        {"ImageLaterality": "", "ViewCodeSequence": []},
    ],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_header_that_says_the_same_in_other_words_is_none(
    first: Path, tmp_path: Path, changed: dict[str, Any], syntax: str
) -> None:
    second = write(tmp_path / "second", ct(**SMALL, PixelData=PIXELS, **changed), syntax)
    assert compare(first, second) is Sameness.SAME_PIXELS


def test_sequences_are_compared_by_what_they_say(tmp_path: Path) -> None:
    def frames(window: float) -> list[Dataset]:
        frame = Dataset()
        frame.FrameVOILUTSequence = [Dataset()]
        frame.FrameVOILUTSequence[0].WindowCenter = window
        frame.PixelPaddingValue = 7
        return [frame]

    def image(name: str, window: float, syntax: str) -> Path:
        groups = {"PerFrameFunctionalGroupsSequence": frames(window), "PixelPaddingValue": 0}
        return write(tmp_path / name, ct(**SMALL, PixelData=PIXELS, **groups), syntax)

    first = image("first", 40, ExplicitVRLittleEndian)
    assert compare(first, image("implicit", 40.0, ImplicitVRLittleEndian)) is Sameness.SAME_PIXELS
    assert compare(first, image("other", 41, ImplicitVRLittleEndian)) is Sameness.OTHER_HEADER


@pytest.mark.parametrize(
    "changed", [{"PixelData": b"\1\0" + PIXELS[2:]}, {"Rows": 32, "Columns": 128, "PixelData": PIXELS}]
)
def test_other_pixels_are_a_conflict(first: Path, tmp_path: Path, changed: dict[str, object]) -> None:
    second = write(tmp_path / "second", ct(**(SMALL | changed)))
    assert compare(first, second) is Sameness.OTHER_PIXELS


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_native_encodings_of_little_endian_need_no_decoding(
    first: Path, tmp_path: Path, syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = write(tmp_path / "second", ct(**SMALL, PixelData=PIXELS), syntax)
    monkeypatch.setattr(DECODERS, "content_digest", lambda path: pytest.fail("decoded"))
    assert compare(first, second) is Sameness.SAME_PIXELS


def test_big_endian_pixels_are_the_same_when_decoded(first: Path, tmp_path: Path) -> None:
    swapped = np.frombuffer(PIXELS, "<u2").astype(">u2").tobytes()
    second = write(tmp_path / "second", ct(**SMALL, PixelData=swapped), ExplicitVRBigEndian)
    assert compare(first, second) is Sameness.SAME_PIXELS


@pytest.mark.parametrize("encoder", ["dcmcjpeg", "dcmcjpls", "dcmcrle"])
def test_lossless_compression_keeps_an_object_the_same(first: Path, tmp_path: Path, peers: Peers, encoder: str) -> None:
    second = tmp_path / "second"
    subprocess.run([peers.need(encoder), "-q", first, second], check=True)
    assert compare(first, second) is Sameness.SAME_PIXELS
    third = write(tmp_path / "third", ct(**SMALL, PixelData=b"\1\0" + PIXELS[2:]))
    assert compare(third, second) is Sameness.OTHER_PIXELS


def test_objects_without_pixels_are_compared_by_their_elements(tmp_path: Path) -> None:
    def document(title: str) -> Dataset:
        return ct(
            SOPClassUID=EncapsulatedPDFStorage,
            PixelData=None,
            DocumentTitle=title,
            EncapsulatedDocument=b"%PDF-1.4 made up",
        )

    first = write(tmp_path / "first", document("Report"))
    same = write(tmp_path / "same", document("Report"), ImplicitVRLittleEndian)
    other = write(tmp_path / "other", document("Other report"), ExplicitVRLittleEndian)
    assert compare(first, same) is Sameness.SAME_PIXELS
    assert compare(first, other) is Sameness.OTHER_PIXELS


def test_what_cannot_be_decoded_is_undecided_and_counts_as_a_conflict(
    first: Path, tmp_path: Path, peers: Peers
) -> None:
    second = tmp_path / "second"
    subprocess.run([peers.need("dcmcjpeg"), "-q", first, second], check=True)
    content = bytearray(second.read_bytes())
    start = content.index(b"\xff\xc3")
    content[start : start + 40] = bytes(40)
    second.write_bytes(content)
    assert compare(first, second) is Sameness.UNDECIDED
    assert compare(first, second).conflict


def test_a_pixel_bomb_is_not_decoded(tmp_path: Path) -> None:
    bomb = ct(Rows=65535, Columns=65535, NumberOfFrames="1000", PixelData=bytes(16))
    assert decode_in_child.decoded_size(bomb) > decode_in_child.DECODED_AT_MOST
    assert DECODERS.content_digest(write(tmp_path / "bomb", bomb)) is None
