"""Made-up objects to send."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom.dsutils import encode

SOP_CLASS = CTImageStorage


def ct(rows: int = 16, columns: int = 16, study: str | None = None) -> Dataset:
    """A CT image of `rows` x `columns` 16-bit pixels, with file meta information."""
    ds = Dataset()
    ds.SOPClassUID = SOP_CLASS
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = study or generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.PatientName = "TESTPATIENT^Edge"
    ds.PatientID = "9990000018"
    ds.PatientBirthDate = "19500101"
    ds.PatientSex = "O"
    ds.StudyDate = "20260101"
    ds.StudyTime = "120000"
    ds.AccessionNumber = "TEST1"
    ds.Modality = "CT"
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = rows
    ds.Columns = columns
    ds.BitsAllocated = 16
    ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    ds.PixelData = bytes(rows * columns * 2)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def save(ds: Dataset, path: Path) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


def encoded(ds: Dataset) -> bytes:
    """The data set in Explicit VR Little Endian."""
    written = encode(ds, False, True)
    assert written is not None
    return bytes(written)


def data_set_of(path: Path) -> bytes:
    """The bytes of a Part 10 file behind its file meta information; of a file without any, all of it."""
    content = path.read_bytes()
    if content[128:132] != b"DICM":
        return content
    position = 132
    while content[position : position + 2] == b"\x02\x00":
        if content[position + 4 : position + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
            position += 12 + int.from_bytes(content[position + 8 : position + 12], "little")
        else:
            position += 8 + int.from_bytes(content[position + 6 : position + 8], "little")
    return content[position:]
