"""The files of the make-believe PACS and the index of their headers, kept in memory and rebuilt at start."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_file_meta_info

from demo.pacs_keys import STORED
from demo.pacs_query import texts

# What reading a malformed header was seen to raise.
ODD = (
    InvalidDicomError, BytesLengthException, OSError, ValueError, TypeError, AttributeError, LookupError,
    NotImplementedError, ArithmeticError, RecursionError, struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class Instance:
    path: Path
    sop_class_uid: str
    transfer_syntax_uid: str
    facts: Dataset


class PacsStore:
    """A folder of Part 10 files; the first copy of a SOP Instance stays, as in most PACS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "tmp"
        self._instances: dict[str, Instance] = {}
        self.incoming.mkdir(parents=True, exist_ok=True)
        for left_over in self.incoming.iterdir():
            left_over.unlink()
        for path in sorted(folder.rglob("*.dcm")):
            self._index(path)

    def __len__(self) -> int:
        return len(self._instances)

    def get(self, sop_instance_uid: str) -> Instance | None:
        return self._instances.get(sop_instance_uid)

    def facts(self) -> list[Dataset]:
        return [instance.facts for instance in list(self._instances.values())]

    def keep(self, received: Path, sop_instance_uid: str) -> None:
        """Makes a received file durable and findable; raises OSError where the disk refuses."""
        if sop_instance_uid in self._instances:
            received.unlink()
            return
        with received.open("rb") as file:
            os.fsync(file.fileno())
        # Nothing that a peer sent becomes a file name.
        path = self.folder / f"{hashlib.sha256(sop_instance_uid.encode()).hexdigest()[:32]}.dcm"
        received.replace(path)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._index(path)

    def _index(self, path: Path) -> None:
        try:
            meta = read_file_meta_info(path)
            uid, sop_class = str(meta.MediaStorageSOPInstanceUID), str(meta.MediaStorageSOPClassUID)
            syntax = str(meta.TransferSyntaxUID)
        except ODD:
            return
        facts = _facts(path)
        # The identity under which it was sent, which a contradictory data set does not change.
        facts.SOPInstanceUID, facts.SOPClassUID = uid, sop_class
        self._instances.setdefault(uid, Instance(path, sop_class, syntax, facts))


def _facts(path: Path) -> Dataset:
    """The header's values, each read once; what cannot be read is as if it were not there."""
    facts = Dataset()
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=list(STORED))
    except ODD:
        return facts
    for keyword in STORED:
        try:
            if keyword in header:
                element = header[keyword]
                # Names keep the bytes of their own character set; answers are in UTF-8.
                value = texts(element) if element.VR == "PN" else element.value
                facts[keyword] = DataElement(element.tag, element.VR, value)
        except ODD:
            continue
    return facts
