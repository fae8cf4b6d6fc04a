"""Orthanc on free ports, as a destination that tests send to and ask. It answers to its REST interface as well."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.eventually import eventually


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc; `port` is that of DICOM."""

    port: int
    http_port: int
    process: subprocess.Popen[bytes]

    def rest(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/{path}", timeout=20) as answer:
            return json.load(answer)

    def file(self, instance: str) -> bytes:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.http_port}/instances/{instance}/file", timeout=20
        ) as answer:
            content: bytes = answer.read()
        return content

    def delete(self, path: str) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/{path}", method="DELETE")
        urllib.request.urlopen(request, timeout=20).close()

    def instances(self) -> list[dict[str, Any]]:
        """Every image, with its tags by keyword."""
        found: list[dict[str, Any]] = self.rest("instances?expand")
        return found

    def count(self) -> int:
        return int(self.rest("statistics")["CountInstances"])

    def clear(self) -> None:
        for patient in self.rest("patients"):
            self.delete(f"patients/{patient}")

    def answers(self) -> bool:
        try:
            self.rest("system")
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_orthanc(program: str, folder: Path, **options: Any) -> Iterator[Orthanc]:
    """`options` are of Orthanc's configuration. It ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    port, http_port = free_port(), free_port()
    settings = {
        "Name": "Orthanc",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "DicomPort": port,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowEcho": True,
        "DicomThreadsCount": 8,
        "HttpPort": http_port,
        "HttpServerEnabled": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "StableAge": 1,
        "OverwriteInstances": True,
        "Plugins": [],
    }
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps(settings | options))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([program, str(configuration)], stdout=log, stderr=log)
    orthanc = Orthanc(port, http_port, process)
    try:
        eventually(lambda: process.poll() is not None or orthanc.answers(), timeout=30)
        assert process.poll() is None, (folder / "orthanc.log").read_text()
        yield orthanc
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
