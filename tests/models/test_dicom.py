"""Reading headers: real ones by the hundred, and bytes that mean harm."""

from __future__ import annotations

import json
import resource
import struct
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataset import PrivateBlock
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from models.dicom import Unreadable, facts_from_json, facts_to_json, read_header
from models.domain.errors import Permanent
from models.domain.identity import PatientFacts
from models.domain.routing import PRIVATE_ROUTE
from models.part10 import DEFLATED, INFLATED_AT_MOST
from tests.ingest.key_objects import key_objects
from tests.models.objects import ct, deflated, encoded, raw, read, write


def test_a_document_whose_list_is_damaged_can_be_exchanged_all_the_same(tmp_path: Path) -> None:
    content = write(tmp_path / "document", key_objects("2.25.11")).read_bytes()
    assert read_header(tmp_path / "document").complete_content == ("2.25.11",)
    inner = content.index(b"\x08\x00\x99\x11SQ") + 12
    assert content[inner : inner + 4] == b"\xfe\xff\x00\xe0"
    (tmp_path / "document").write_bytes(content[:inner] + b"\x08\x00\x01\x00" + content[inner + 4 :])
    assert read_header(tmp_path / "document").complete_content == ()


def test_every_real_file_is_read_or_refused_with_a_reason(real_dicom: Path) -> None:
    outcomes: Counter[str] = Counter()
    for path in sorted(real_dicom.rglob("*")):
        if not path.is_file():
            continue
        try:
            header = read_header(path)
        except Unreadable as refusal:
            outcomes[str(refusal)] += 1
            continue
        outcomes["read"] += 1
        known = read(path, stop_before_pixels=True)
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            assert getattr(header, keyword) == known.get(keyword), path
        for keyword in ("PatientID", "PatientBirthDate"):
            assert getattr(header.patient, keyword) == str(known.get(keyword) or "").rstrip(), path
    print(outcomes)
    assert outcomes["read"] >= 430
    assert outcomes["The object is not a DICOM file: it lacks the prefix DICM."] == 4
    assert all("object" in reason for reason in outcomes if reason != "read")


def test_names_in_every_character_set_are_those_that_pydicom_reads(real_dicom: Path) -> None:
    compared = 0
    for path in sorted((real_dicom / "charsets-chr").iterdir()):
        try:
            header = read_header(path)
        except Unreadable:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            known = str(read(path).PatientName).rstrip()
        assert "\x1b" not in header.patient.PatientName, path
        # pydicom leaves escape sequences in where GB 2312 is used with code extensions.
        if "\x1b" not in known:
            assert header.patient.PatientName == known, path
            compared += 1
    assert compared >= 14


def test_bytes_of_an_undeclared_character_set_are_read_as_latin_1(tmp_path: Path) -> None:
    content = encoded(ct(SpecificCharacterSet=None, PatientName="M?ller^Zebra "))
    path = tmp_path / "object"
    path.write_bytes(raw(content.replace(b"M?ller", b"M\xfcller")))
    assert read_header(path).patient.PatientName == "Müller^Zebra"


def test_empty_ends_of_a_name_do_not_make_it_another_name(tmp_path: Path) -> None:
    for number, name in enumerate(("Testpatient^Zebra", "Testpatient^Zebra^^^", "Testpatient^Zebra^^==")):
        path = write(tmp_path / str(number), ct(PatientName=name))
        assert read_header(path).patient.PatientName == "Testpatient^Zebra"


def test_other_identifiers_are_found_with_the_issuer_or_its_oid(tmp_path: Path) -> None:
    by_name, by_oid, qualifiers = Dataset(), Dataset(), Dataset()
    by_name.PatientID, by_name.IssuerOfPatientID = "9990000018", "NHS"
    qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType = "2.16.840.1.113883.2.1.4.1", "ISO"
    by_oid.PatientID, by_oid.IssuerOfPatientIDQualifiersSequence = "9990000026", [qualifiers]
    path = write(tmp_path / "object", ct(OtherPatientIDsSequence=[by_name, by_oid], OtherPatientIDs=["A1", "B2"]))
    facts = read_header(path).patient
    assert facts.other_ids == (
        ("9990000018", "NHS"),
        ("9990000026", "2.16.840.1.113883.2.1.4.1"),
        ("A1", ""),
        ("B2", ""),
    )
    assert facts_from_json(json.loads(json.dumps(facts_to_json(facts)))) == facts
    assert facts_from_json(facts_to_json(PatientFacts())) == PatientFacts()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, "1.2.840.10008.1.2.1", DeflatedExplicitVRLittleEndian])
def test_routing_is_what_the_header_says_and_nothing_empty(tmp_path: Path, syntax: str) -> None:
    recipient, code, other = Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "ZX3", "ODS", "Eastern"
    other.CodeValue, other.CodingSchemeDesignator, other.CodeMeaning = "123", "LOCAL", "Eastern"
    recipient.InstitutionCodeSequence = [code, other]
    data_set = ct(
        StudyComments="IEP=ZX2",
        InstitutionalDepartmentName="",
        IntendedRecipientsOfResultsIdentificationSequence=[recipient],
    )
    data_set.private_block(0x0099, "SOMEBODY ELSE", create=True).add_new(0x01, "LO", "ZX9")
    block: PrivateBlock = data_set.private_block(0x0099, "OPENIEP ROUTING 1.0", create=True)
    block.add_new(0x01, "LO", "ZX2")
    assert read_header(write(tmp_path / "object", data_set, syntax)).routing == {
        PRIVATE_ROUTE: "ZX2",
        "StudyComments": "IEP=ZX2",
        "InstitutionName": "Northern Example",
        "NamesOfIntendedRecipientsOfResults": "ZX3",
    }


@pytest.mark.parametrize("missing", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", [None, "1.2.x", "../../etc", "1" * 65])
def test_a_missing_or_odd_uid_is_named_in_the_refusal(tmp_path: Path, missing: str, value: str | None) -> None:
    content = encoded(ct(**{missing: None if value is None else "9.9.9.9.9"}))
    path = tmp_path / "object"
    if value is not None:
        old = struct.pack("<H", 10) + b"9.9.9.9.9\0"
        assert old in content
        padded = value.encode() + b"\0" * (len(value) % 2)
        content = content.replace(old, struct.pack("<H", len(padded)) + padded)
    path.write_bytes(raw(content))
    with pytest.raises(Unreadable, match=missing) as refusal:
        read_header(path)
    assert isinstance(refusal.value, Permanent)


def test_a_deflate_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    bomb = encoded(ct(PixelData=None)) + b"\x29\0\x10\x10OB\0\0" + struct.pack("<L", 1 << 30)
    path = tmp_path / "object"
    path.write_bytes(raw(deflated(bomb + bytes(4 * INFLATED_AT_MOST)), DeflatedExplicitVRLittleEndian))
    assert path.stat().st_size < INFLATED_AT_MOST / 100
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable, match="inflates"):
        read_header(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2.5 * INFLATED_AT_MOST / 1024


def test_sequences_nested_400_deep_are_refused(tmp_path: Path) -> None:
    opening = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    path = tmp_path / "object"
    path.write_bytes(raw(opening * 400 + closing * 400))
    with pytest.raises(Unreadable, match="nested"):
        read_header(path)


def test_the_same_element_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(raw(encoded(ct(PixelData=None)) + b"\x10\0\x20\0LO\x04\0ABCD"))
    with pytest.raises(Unreadable, match="twice"):
        read_header(path)


def test_padding_at_the_end_of_an_object_without_pixels_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "object"
    for padding in (3, 64):
        path.write_bytes(raw(encoded(ct(PixelData=None)) + bytes(padding)))
        assert read_header(path).Modality == "CT"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    item = Dataset()
    item.PatientID, item.IssuerOfPatientID = "9990000018", "NHS"
    item.is_undefined_length_sequence_item = True
    data_set = ct(OtherPatientIDsSequence=[item], PixelData=bytes(16))
    data_set["OtherPatientIDsSequence"].is_undefined_length = True
    return write(tmp_path_factory.mktemp("sound") / "object", data_set).read_bytes()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=12)), max_size=4),
    cut=st.integers(0, 2000),
)
def test_whatever_the_bytes_the_answer_is_a_header_or_a_refusal(
    tmp_path: Path, sound: bytes, changes: list[tuple[int, bytes]], cut: int
) -> None:
    content = bytearray(sound[: len(sound) - cut] if cut % 3 == 0 else sound)
    for position, change in changes:
        content[position : position + len(change)] = change
    path = tmp_path / "object"
    path.write_bytes(content)
    with suppress(Unreadable):
        assert read_header(path).SOPInstanceUID


def test_an_object_of_too_many_elements_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.data_set.MOST_ELEMENTS", 1000)
    path = tmp_path / "empty"
    empty = (struct.pack("<HH2sH", 0x7001, 0x1000 + n, b"LO", 0) for n in range(1000))
    path.write_bytes(raw(encoded(ct(PixelData=None)) + b"".join(empty)))
    with pytest.raises(Unreadable, match="more than 1000 elements"):
        read_header(path)
    flood = ct(OtherPatientIDsSequence=[Dataset() for _ in range(1000)])
    with pytest.raises(Unreadable, match="more than 1000 elements"):
        read_header(write(tmp_path / "items", flood))


@pytest.mark.parametrize("syntax", sorted(DEFLATED))
def test_every_deflated_syntax_is_inflated(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "deflated"
    path.write_bytes(raw(deflated(encoded(ct(PixelData=None))), syntax))
    assert read_header(path).patient.PatientID == "H1234567"
