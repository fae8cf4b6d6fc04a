"""New text meets old character sets: nothing is lost, and a header is re-encoded only when it must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydicom import Dataset

from models.dicom import read_header
from tests.models.objects import SENT, ct, encoded, harmonise, pixels_of, plan_for, raw, read, readable, write


def test_text_that_does_not_fit_the_character_set_turns_the_header_into_unicode(tmp_path: Path) -> None:
    nested = Dataset()
    nested.PatientID, nested.IssuerOfPatientID = "Ä1", "ZX9"
    path = write(tmp_path / "in", ct(PatientName="Müller^Zebra", PatientID="Ö12", OtherPatientIDsSequence=[nested]))
    sent = replace(SENT, PatientID="Ł-77")
    after = read(harmonise(path, plan_for(read_header(path).patient, sent), tmp_path / "out"))
    assert after.SpecificCharacterSet == "ISO_IR 192"
    assert (after.PatientID, str(after.PatientName)) == ("Ł-77", "Müller^Zebra")
    assert [item.PatientID for item in after.OtherPatientIDsSequence] == ["Ä1", "Ö12"]
    kept = after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert kept.PatientID == "Ö12"


def test_text_that_fits_leaves_the_character_set_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "in", ct(PatientName="Müller^Zebra", PatientID="Ö12"))
    after = read(harmonise(path, plan_for(read_header(path).patient), tmp_path / "out"))
    assert after.SpecificCharacterSet == "ISO_IR 100"
    assert after.OtherPatientIDsSequence[0].PatientID == "Ö12"


def test_every_character_set_survives_the_turn_into_unicode(real_dicom: Path, tmp_path: Path) -> None:
    turned = 0
    for path in readable(real_dicom / "charsets-chr"):
        before = read_header(path).patient
        if before.PatientID == "":
            continue
        out = harmonise(path, plan_for(before, replace(SENT, PatientID="Ł張-7")), tmp_path / "out")
        after = read_header(out).patient
        assert after.PatientID == "Ł張-7", path
        assert after.PatientName == before.PatientName, path
        assert pixels_of(out) == pixels_of(path)
        turned += 1
    assert turned >= 10


def test_undeclared_latin_1_is_declared_once_it_must_be_copied(tmp_path: Path) -> None:
    path = tmp_path / "in"
    content = encoded(ct(SpecificCharacterSet=None, PatientID="?-12"))
    path.write_bytes(raw(content.replace(b"?-12", b"\xd6-12")))
    after = read(harmonise(path, plan_for(read_header(path).patient), tmp_path / "out"))
    assert after.SpecificCharacterSet == "ISO_IR 192"
    assert after.OtherPatientIDsSequence[0].PatientID == "Ö-12"
    assert after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientID == "Ö-12"


def test_a_sequence_that_came_as_un_is_read_and_extended(tmp_path: Path) -> None:
    item = b"\xfe\xff\0\xe0\x0c\0\0\0" + b"\x10\0\x20\0\x04\0\0\0B77 "
    unknown = b"\x10\0\x02\x10UN\0\0" + len(item).to_bytes(4, "little") + item
    content = encoded(ct())
    place = content.index(b"\x18\0\x60\0")
    path = tmp_path / "in"
    path.write_bytes(raw(content[:place] + unknown + content[place:]))
    after = read(harmonise(path, plan_for(read_header(path).patient), tmp_path / "out"))
    assert [other.PatientID for other in after.OtherPatientIDsSequence] == ["B77", "H1234567"]
    assert str(after.PatientName) == "Testpatient^Zebra"
