"""What leaves the exchange: the plan's elements and nothing else changed, in every encoding that real objects have."""

from __future__ import annotations

import re
import subprocess
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from models.dicom import Unreadable, read_header
from models.domain.identity import SentIdentity
from models.domain.nhs_number import OID
from models.harmonised import open_harmonised
from models.part10 import opened
from tests.conftest import Peers
from tests.models.objects import (
    RELEASED_AT,
    SENT,
    ct,
    encoded,
    harmonise,
    pixels_of,
    plan_for,
    raw,
    read,
    readable,
    values,
    write,
)

CHANGED = {
    "(0008,0050)",
    "(0008,0051)",
    "(0010,0020)",
    "(0010,0021)",
    "(0010,0024)",
    "(0010,1002)",
    "(0018,A001)",
    "(0400,0561)",
}
TWO_BLANKS_FOR_A_VR = "GH179A.dcm"
"""pydicom takes the rest of this object for the value of that element; DCMTK reads on."""
NOT_FOR_DCMTK = "SC_rgb_jpeg.dcm"
"""Its encoding is not the one it declares; dcmdump refuses it as it came."""
NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def unchanged(data_set: Dataset) -> dict[str, Any]:
    """All elements but those that a plan may change, and the retired group lengths."""
    found = values(data_set).items()
    return {tag: value for tag, value in found if tag not in CHANGED and not tag.endswith(",0000)")}


def test_every_real_object_leaves_with_the_plan_and_nothing_else_changed(
    real_dicom: Path, tmp_path: Path, peers: Peers
) -> None:
    dcmdump = peers.need("dcmdump")
    sent_files: list[Path] = []
    for number, path in enumerate(readable(real_dicom)):
        plan = plan_for(read_header(path).patient)
        out = harmonise(path, plan, tmp_path / f"{number}.dcm")
        assert pixels_of(out) == pixels_of(path), path
        assert harmonise(out, plan, tmp_path / "again").read_bytes() == out.read_bytes(), path
        if path.name != NOT_FOR_DCMTK:
            sent_files.append(out)
        if path.name == TWO_BLANKS_FOR_A_VR:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before, after = read(path), read(out)
            assert unchanged(after) == unchanged(before), path
            assert after.PatientID == SENT.PatientID, path
            assert after.IssuerOfPatientID == SENT.IssuerOfPatientID
            assert after.AccessionNumber == SENT.AccessionNumber
            kept = after.OriginalAttributesSequence[-1].ModifiedAttributesSequence[0]
            for keyword in ("PatientID", "AccessionNumber"):
                assert str(kept[keyword].value) == str(before.get(keyword) or ""), path
    assert len(sent_files) >= 430
    for group in (sent_files[at : at + 100] for at in range(0, len(sent_files), 100)):
        dump = subprocess.run([dcmdump, "-q", "-M", "+P", "0400,0565", *group], capture_output=True, check=False)
        assert dump.returncode == 0, dump.stderr.decode("utf-8", "replace")
        assert dump.stdout.count(b"COERCE") >= len(group)


@pytest.mark.parametrize("syntax", NATIVE)
def test_the_original_values_are_kept_and_are_not_the_new_ones(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "in", ct(), syntax)
    after = read(harmonise(path, plan_for(read_header(path).patient), tmp_path / "out"))
    assert (after.PatientID, after.IssuerOfPatientID, after.AccessionNumber) == ("ZX3-000123", "ZX3", "ACC0000001")
    assert after.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "ZX3"
    (other,) = after.OtherPatientIDsSequence
    assert (other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID) == ("H1234567", "ZX1", "TEXT")
    assert other.IssuerOfPatientIDQualifiersSequence[0].IdentifierTypeCode == "MR"
    (original,) = after.OriginalAttributesSequence
    (kept,) = original.ModifiedAttributesSequence
    assert (kept.PatientID, kept.IssuerOfPatientID, kept.AccessionNumber) == ("H1234567", "ZX1", "OLDACC1")
    assert len(kept.IssuerOfAccessionNumberSequence) == len(kept.OtherPatientIDsSequence) == 0
    assert original.AttributeModificationDateTime == "20260304050607.000000+0000"
    assert original.SourceOfPreviousValues == "ZX1"
    assert original.ModifyingSystem == "Image Exchange"
    assert original.ReasonForTheAttributeModification == "COERCE"
    (equipment,) = after.ContributingEquipmentSequence
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109103"


@pytest.mark.parametrize("syntax", NATIVE)
def test_the_same_plan_gives_the_same_bytes_and_no_second_entry(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "in", ct(), syntax)
    plan = plan_for(read_header(path).patient)
    first = harmonise(path, plan, tmp_path / "first")
    assert harmonise(path, plan, tmp_path / "second").read_bytes() == first.read_bytes()
    assert harmonise(first, plan, tmp_path / "third").read_bytes() == first.read_bytes()


@pytest.mark.parametrize("syntax", NATIVE)
def test_where_nothing_changes_the_data_set_keeps_its_bytes(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "in", ct(), syntax)
    sent = SentIdentity("H1234567", "ZX1", "OLDACC1", "", "as it was")
    out = harmonise(path, plan_for(read_header(path).patient, sent), tmp_path / "out")
    with opened(path) as before, opened(out) as after:
        assert out.read_bytes()[after.offset :] == path.read_bytes()[before.offset :]


def test_a_second_plan_appends_to_what_the_first_has_recorded(tmp_path: Path) -> None:
    path = write(tmp_path / "in", ct())
    once = harmonise(path, plan_for(read_header(path).patient), tmp_path / "once")
    sent = SentIdentity("ZX2-9", "ZX2", "ACC2", "ZX2", "entered by a person")
    plan = replace(plan_for(read_header(once).patient, sent), source_of_previous_values="ZX3")
    after = read(harmonise(once, plan, tmp_path / "twice"))
    assert [item.SourceOfPreviousValues for item in after.OriginalAttributesSequence] == ["ZX1", "ZX3"]
    assert [item.ModifiedAttributesSequence[0].PatientID for item in after.OriginalAttributesSequence] == [
        "H1234567",
        "ZX3-000123",
    ]
    assert [item.PatientID for item in after.OtherPatientIDsSequence] == ["H1234567", "ZX3-000123"]


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("syntax", NATIVE)
def test_other_identifiers_are_appended_and_never_twice(tmp_path: Path, syntax: str, undefined: bool) -> None:
    nhs, elsewhere, qualifiers = Dataset(), Dataset(), Dataset()
    qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType = OID, "ISO"
    nhs.PatientID, nhs.IssuerOfPatientIDQualifiersSequence = "9990000018", [qualifiers]
    elsewhere.PatientID, elsewhere.IssuerOfPatientID = "B77", "ZX9"
    data_set = ct(OtherPatientIDsSequence=[nhs, elsewhere])
    data_set["OtherPatientIDsSequence"].is_undefined_length = undefined
    path = write(tmp_path / "in", data_set, syntax)
    after = read(harmonise(path, plan_for(read_header(path).patient), tmp_path / "out"))
    assert [item.PatientID for item in after.OtherPatientIDsSequence] == ["9990000018", "B77", "H1234567"]
    kept = after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].OtherPatientIDsSequence
    assert [item.PatientID for item in kept] == ["9990000018", "B77"]


def test_the_nhs_number_is_sent_with_its_oid_and_a_foreign_issuer_is_removed(tmp_path: Path) -> None:
    foreign = Dataset()
    foreign.UniversalEntityID, foreign.UniversalEntityIDType = "1.2.3.4", "ISO"
    path = write(tmp_path / "in", ct(IssuerOfPatientIDQualifiersSequence=[foreign]))
    facts = read_header(path).patient
    as_nhs = SentIdentity("9990000018", "NHS", "OLDACC1", "ZX1", "the NHS number")
    after = read(harmonise(path, plan_for(facts, as_nhs), tmp_path / "nhs"))
    (qualifiers,) = after.IssuerOfPatientIDQualifiersSequence
    assert (qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType) == (OID, "ISO")
    assert qualifiers.IdentifierTypeCode == "NH"
    after = read(harmonise(path, plan_for(facts), tmp_path / "local"))
    assert "IssuerOfPatientIDQualifiersSequence" not in after
    kept = after.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert kept.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "1.2.3.4"


def test_retired_group_lengths_do_not_stay_wrong(tmp_path: Path) -> None:
    content = encoded(ct())
    place = content.index(b"\x10\0\x10\0PN")
    path = tmp_path / "in"
    path.write_bytes(raw(content[:place] + b"\x10\0\0\0UL\x04\0\x2a\0\0\0" + content[place:]))
    assert 0x00100000 in read(path)
    assert 0x00100000 not in read(harmonise(path, plan_for(read_header(path).patient), tmp_path / "out"))


def test_the_meta_information_agrees_with_the_data_set_and_the_preamble_is_empty(tmp_path: Path) -> None:
    path = write(tmp_path / "in", ct())
    path.write_bytes(b"MZ" * 64 + path.read_bytes()[128:])
    with open_harmonised(path, plan_for(read_header(path).patient)) as harmonised:
        content = Path(harmonised.path).read_bytes()
        after = read(harmonised.path)
        assert (harmonised.SOPClassUID, harmonised.SOPInstanceUID) == (after.SOPClassUID, "2.25.1001")
        assert harmonised.TransferSyntaxUID == after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert content[:128] == bytes(128)
    assert not Path(harmonised.path).exists()


def test_dciodvfy_finds_no_error_that_was_not_there_before(tmp_path: Path, peers: Peers) -> None:
    dciodvfy = peers.need("dciodvfy")

    def errors(path: Path) -> set[str]:
        said = subprocess.run([dciodvfy, "-new", path], capture_output=True, text=True, check=False)
        return set(re.findall(r"^Error.*$", said.stdout + said.stderr, re.MULTILINE))

    nhs = Dataset()
    nhs.PatientID, nhs.IssuerOfPatientID, nhs.TypeOfPatientID = "9990000018", "NHS", "TEXT"
    path = write(tmp_path / "in", ct(OtherPatientIDsSequence=[nhs]))
    out = harmonise(path, plan_for(read_header(path).patient), tmp_path / "out")
    assert errors(out) <= errors(path)
    assert not {error for error in errors(out) if "OriginalAttributes" in error}


def test_the_time_stamp_is_that_of_the_release(tmp_path: Path) -> None:
    path = write(tmp_path / "in", ct())
    plan = plan_for(read_header(path).patient)
    later = replace(plan, modified_at=RELEASED_AT.replace(hour=9))
    one, other = harmonise(path, plan, tmp_path / "one"), harmonise(path, later, tmp_path / "other")
    assert one.read_bytes() != other.read_bytes()
    assert b"20260304090607.000000+0000" in other.read_bytes()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(250, 1400), st.binary(min_size=1, max_size=8)), max_size=3))
def test_a_damaged_object_is_refused_or_leaves_with_the_plan(tmp_path: Path, changes: list[tuple[int, bytes]]) -> None:
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = "B77", "ZX9"
    path = write(tmp_path / "in", ct(OtherPatientIDsSequence=[other], PixelData=bytes(16)))
    content = bytearray(path.read_bytes())
    for position, change in changes:
        content[position : position + len(change)] = change
    path.write_bytes(content)
    with suppress(Unreadable):
        out = harmonise(path, plan_for(read_header(path).patient), tmp_path / "out")
        assert read_header(out).patient.PatientID == SENT.PatientID
        assert read_header(out).AccessionNumber == SENT.AccessionNumber
        assert pixels_of(out) == pixels_of(path)
