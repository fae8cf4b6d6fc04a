"""A PACS that writes down what is put on its wire, refuses when told, and can die between keeping and answering.

FOLDER/store/   what it keeps, as Part 10 files; the first copy of an instance stays
FOLDER/wire     one line (SOPInstanceUID) for each C-STORE request it read
FOLDER/refuse   while it exists: the status (hexadecimal) with which every image is refused
FOLDER/die      while it exists: the number of lines in `wire` at which it kills itself, before it answers
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom.config
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, _config, build_context, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification

from models.part10 import opened
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
LEVELS = {"STUDY": 1, "SERIES": 2, "IMAGE": 3}


class RecordingPacs:
    """One such PACS as a process that the test starts, kills and starts again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "store").mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", __name__, str(self.port), str(self.folder)]
        self.process = subprocess.Popen(command, cwd=ROOT)
        eventually(self._listens)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def has_died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def refuse(self, status: int | None) -> None:
        if status is None:
            (self.folder / "refuse").unlink()
        else:
            (self.folder / "refuse").write_text(f"{status:04X}")

    def die_after(self, more: int) -> None:
        """Kill itself at the `more`th image from now."""
        (self.folder / "die").write_text(str(sum(self.wire().values()) + more))

    def wire(self) -> Counter[str]:
        """How often each instance was put on the wire."""
        with contextlib.suppress(FileNotFoundError):
            return Counter((self.folder / "wire").read_text().split())
        return Counter()

    def pixels(self, SOPInstanceUID: str) -> bytes:
        """The encoded pixels that it keeps of an instance."""
        with opened(self.folder / "store" / _name(SOPInstanceUID)) as part10:
            return part10.pixels()

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the recording PACS has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class _Services:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self.kept = {str(ds.SOPInstanceUID): ds for ds in map(_header, sorted((folder / "store").glob("*.dcm")))}

    def store(self, event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        with self.lock:
            with (self.folder / "wire").open("a") as wire:
                wire.write(f"{uid}\n")
            with contextlib.suppress(FileNotFoundError):
                return int((self.folder / "refuse").read_text(), 16)
            if uid not in self.kept:
                fresh = self.folder / "fresh"
                fresh.write_bytes(event.encoded_dataset())
                self.kept[uid] = _header(fresh.rename(self.folder / "store" / _name(uid)))
            self._die_if_told()
        return 0x0000

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        asked = event.identifier
        depth = LEVELS[asked.QueryRetrieveLevel]
        with self.lock:
            kept = list(self.kept.values())
        found = {
            tuple(ds.get(uid) for uid in UIDS[:depth]): ds
            for ds in kept
            if all(ds.get(uid) == asked.get(uid) for uid in UIDS if asked.get(uid))
        }
        for ds in found.values():
            answer = Dataset()
            answer.QueryRetrieveLevel = asked.QueryRetrieveLevel
            for element in asked:
                answer[element.tag] = ds.get(element.tag, element)
            yield 0xFF00, answer

    def _die_if_told(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if len((self.folder / "wire").read_text().split()) >= int((self.folder / "die").read_text()):
                (self.folder / "die").unlink()
                os.kill(os.getpid(), signal.SIGKILL)


def _header(path: Path) -> Dataset:
    return dcmread(path, stop_before_pixels=True)


def _name(uid: str) -> str:
    return f"{hashlib.sha256(uid.encode()).hexdigest()}.dcm"


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    services = _Services(folder)
    contexts = [build_context(Verification), build_context(StudyRootQueryRetrieveInformationModelFind)]
    AE("RECORDER").start_server(
        ("127.0.0.1", port),
        contexts=[*AllStoragePresentationContexts[:120], *contexts],
        evt_handlers=[
            (evt.EVT_C_ECHO, lambda event: 0x0000),
            (evt.EVT_C_STORE, services.store),
            (evt.EVT_C_FIND, services.find),
        ],
    )


if __name__ == "__main__":
    main()
