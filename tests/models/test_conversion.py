"""What a destination takes only uncompressed: the same pixels, the same UID, every other value as it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from models.conversion import PIXEL_DATA, Unconvertible, converted
from models.data_set import DataSet
from models.decode_in_child import digest
from models.decompress_in_child import decompress
from models.dicom import read_header
from models.domain.syntaxes import EXPLICIT, IMPLICIT, UNCOMPRESSED, Pixels, syntax_of
from models.elements import Element
from models.harmonised import open_harmonised
from models.part10 import opened
from tests.models.objects import ct, plan_for, read, readable, write

FILES = Path(pydicom.data.__file__).parent / "test_files"
DECODED = (
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "examples_ybr_color.dcm",
    "JPEG2000.dcm",
)
DESCRIBED = {0x00280004, 0x00280006, 0x7FE00001, 0x7FE00002}
"""What speaks of the encoding of the pixels and not of what they show."""


def of_kind(*kinds: Pixels) -> list[Path]:
    """Real objects whose pixels are encoded so."""
    found = []
    for path in readable(FILES):
        with opened(path) as part10:
            if syntax_of(part10.TransferSyntaxUID).pixels in kinds:
                found.append(path)
    return found


def convert(path: Path, syntax: str, out: Path) -> Path:
    before = out.with_suffix(".before")
    with open_harmonised(path, plan_for(read_header(path).patient)) as outgoing:
        before.write_bytes(Path(outgoing.path).read_bytes())
        with converted(outgoing, syntax) as other:
            assert (other.SOPInstanceUID, other.TransferSyntaxUID) == (outgoing.SOPInstanceUID, syntax)
            out.write_bytes(Path(other.path).read_bytes())
    return before


def shown(path: Path) -> list[bytes]:
    """What stands after the header, without heads and lengths."""
    with opened(path) as part10:
        buffer, start, end = part10.whole
        whole = DataSet(buffer, start, end, implicit=part10.data_set.implicit, little=True, to_pixels=False)
        return [whole.value(tag) for tag in whole.elements if tag >= PIXEL_DATA]


def kept(path: Path) -> dict[int, Any]:
    """Every value as encoded, nested too."""
    with opened(path) as part10:
        return _kept(part10.data_set)


def _kept(data_set: DataSet) -> dict[int, Any]:
    return {
        element.tag: [_kept(item) for item in data_set.items_of(element)]
        if is_sequence(data_set, element)
        else data_set.value(element.tag)
        for element in data_set.elements.values()
        if element.tag & 0xFFFF and element.tag not in DESCRIBED
    }


def is_sequence(data_set: DataSet, element: Element) -> bool:
    if dictionary_has_tag(element.tag):
        return dictionary_VR(element.tag) == "SQ"
    return data_set.value(element.tag).startswith(b"\xfe\xff\x00\xe0")


@pytest.mark.parametrize("syntax", UNCOMPRESSED, ids=["explicit", "implicit"])
def test_what_is_not_compressed_keeps_its_pixels_and_every_value(syntax: str, tmp_path: Path) -> None:
    paths = of_kind(Pixels.NATIVE)
    assert len(paths) > 50
    for path in paths:
        before = convert(path, syntax, tmp_path / "out")
        assert shown(tmp_path / "out") == shown(before), path.name
        assert kept(tmp_path / "out") == kept(before), path.name
        assert read(tmp_path / "out").file_meta.TransferSyntaxUID == syntax


@pytest.mark.parametrize("name", DECODED)
def test_what_is_compressed_shows_the_same_and_keeps_every_value(name: str, tmp_path: Path) -> None:
    before = convert(FILES / name, EXPLICIT, tmp_path / "out")
    assert digest(str(tmp_path / "out")) == digest(str(before))
    assert kept(tmp_path / "out") == kept(before)
    assert (read(tmp_path / "out").pixel_array == read(before).pixel_array).all()


def test_a_compressed_object_of_many_frames_leaves_as_implicit(tmp_path: Path) -> None:
    before = convert(FILES / "SC_rgb_rle_2frame.dcm", IMPLICIT, tmp_path / "out")
    assert digest(str(tmp_path / "out")) == digest(str(before))
    assert kept(tmp_path / "out") == kept(before)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MR_small_bigendian.dcm", "Explicit VR Big Endian is not converted."),
        ("JPGExtended.dcm", "Its pixels cannot be decoded."),
    ],
)
def test_what_would_be_at_risk_is_not_converted(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(Unconvertible, match=words):
        convert(FILES / name, EXPLICIT, tmp_path / "out")


def test_what_may_have_lost_says_so_or_is_not_converted(tmp_path: Path) -> None:
    image = read(FILES / "JPEG2000.dcm")
    assert image.LossyImageCompression == "01"
    before = convert(FILES / "JPEG2000.dcm", EXPLICIT, tmp_path / "out")
    assert read(tmp_path / "out").LossyImageCompression == read(before).LossyImageCompression == "01"
    del image.LossyImageCompression
    image.save_as(tmp_path / "silent")
    with pytest.raises(Unconvertible, match="does not say so"):
        convert(tmp_path / "silent", EXPLICIT, tmp_path / "out")


def test_other_pixels_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.decompress_in_child.digest", lambda path: path)
    with pytest.raises(ValueError, match="other pixels"):
        decompress(str(FILES / "MR_small_RLE.dcm"), os.memfd_create("target"), EXPLICIT)


def test_a_signed_number_stays_signed_where_the_encoding_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "in", ct(PixelRepresentation=1, SmallestImagePixelValue=-5), IMPLICIT)
    convert(path, EXPLICIT, tmp_path / "out")
    assert read(tmp_path / "out").SmallestImagePixelValue == -5
