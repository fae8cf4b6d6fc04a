"""DICOM objects for the tests of this folder; every patient is made up."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, FileDataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from models.dicom import Unreadable, read_header
from models.domain import harmonisation
from models.domain.harmonisation import Plan
from models.domain.identity import PatientFacts, SentIdentity
from models.harmonised import open_harmonised
from models.part10 import opened

RELEASED_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SENT = SentIdentity("ZX3-000123", "ZX3", "ACC0000001", "ZX3", "entered by a person")


def plan_for(facts: PatientFacts, sent: SentIdentity = SENT) -> Plan:
    """As a release makes it."""
    return harmonisation.plan(facts, sent, "ZX1", RELEASED_AT)


def pixels_of(path: Path) -> bytes:
    """The encoded pixels, and what follows them, as they are."""
    with opened(path) as part10:
        return bytes(part10.pixels())


def ct(**elements: Any) -> Dataset:
    """A complete CT image of 512 x 512, by keyword changed as wanted; None leaves an element out."""
    data_set = Dataset()
    values = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": "2.25.1001",
        "StudyDate": "20260301",
        "StudyTime": "101500",
        "ContentDate": "20260301",
        "ContentTime": "101500",
        "AccessionNumber": "OLDACC1",
        "Modality": "CT",
        "Manufacturer": "Made-up Scanners",
        "InstitutionName": "Northern Example",
        "ReferringPhysicianName": "",
        "StudyDescription": "CT Head",
        "PatientName": "Testpatient^Zebra",
        "PatientID": "H1234567",
        "IssuerOfPatientID": "ZX1",
        "PatientBirthDate": "19700102",
        "PatientSex": "F",
        "KVP": "120",
        "StudyInstanceUID": "2.25.1",
        "SeriesInstanceUID": "2.25.2",
        "FrameOfReferenceUID": "2.25.3",
        "PositionReferenceIndicator": "",
        "PatientPosition": "HFS",
        "StudyID": "1",
        "SeriesNumber": "1",
        "AcquisitionNumber": "1",
        "InstanceNumber": "1",
        "ImagePositionPatient": ["0", "0", "0"],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "SliceThickness": "1",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 512,
        "Columns": 512,
        "PixelSpacing": ["0.5", "0.5"],
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "PixelData": (np.arange(512 * 512, dtype="<u2") % 4096).tobytes(),
    }
    for keyword, value in (values | elements).items():
        if value is not None:
            setattr(data_set, keyword, value)
    return data_set


def write(path: Path, data_set: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    """`data_set` as a Part 10 file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax  # type: ignore[assignment]
    meta.MediaStorageSOPClassUID = data_set.get("SOPClassUID", "1.2.3")
    meta.MediaStorageSOPInstanceUID = data_set.get("SOPInstanceUID", "1.2.3")
    file = FileDataset(str(path), data_set, preamble=bytes(128), file_meta=meta)
    dcmwrite(path, file, enforce_file_format=True)
    return path


def read(path: Path | str, **options: Any) -> FileDataset:
    """By pydicom, whose warnings about real files are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path, force=True, **options)


def values(data_set: Dataset) -> dict[str, Any]:
    """Everything by tag, decoded; nested too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {str(element.tag): _value(element) for element in data_set}


def _value(element: Any) -> Any:
    if element.VR == "SQ":
        return [values(item) for item in element.value]
    return str(element.value)


def raw(data_set: bytes, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A Part 10 file around encoded bytes."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = b"\x02\0\x10\0UI" + struct.pack("<H", len(uid)) + uid
    return bytes(128) + b"DICM\x02\0\0\0UL\x04\0" + struct.pack("<L", len(meta)) + meta + data_set


def encoded(data_set: Dataset) -> bytes:
    """The data set alone, explicit little endian."""
    buffer = BytesIO()
    dcmwrite(buffer, data_set, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


def deflated(content: bytes) -> bytes:
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


def harmonise(path: Path, plan: Plan, out: Path) -> Path:
    """What would be sent, as a file at `out`."""
    with open_harmonised(path, plan) as harmonised:
        out.write_bytes(Path(harmonised.path).read_bytes())
    return out


def readable(folder: Path) -> Iterator[Path]:
    """The files that can be exchanged."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                read_header(path)
            except Unreadable:
                continue
            yield path
