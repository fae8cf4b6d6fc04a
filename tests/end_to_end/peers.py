"""Other people's programs at the exchange's door: DCMTK pushes and asks, Orthanc receives."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import Peers
from tests.eventually import eventually

RECEIVED = re.compile(r"\(([0-9a-f]{4},[0-9a-f]{4})\) [A-Z]{2} (?:\[([^\]\n]*)\]|\(no value available\))")


def run(*command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, errors="replace")


def push(peers: Peers, port: int, called: str, *files: Path, calling: str = "DCMSEND") -> None:
    """`dcmsend` of files and folders; every one must be acknowledged."""
    named = [str(file) for file in files]
    program = peers.need("dcmsend")
    sent = run(program, "-v", "+sd", "+r", "-dn", "-aet", calling, "-aec", called, "127.0.0.1", str(port), *named)
    assert sent.returncode == 0, sent.stdout + sent.stderr


def ask(peers: Peers, called: str, port: int, level: str, **keys: str) -> list[dict[str, str]]:
    """`findscu` in the Study Root: the value of each key for every match."""
    asked = [word for key, value in keys.items() for word in ("-k", f"{key}={value}")]
    answer = run(
        peers.need("findscu"), "-S", "-v", "-aec", called, "-k", f"QueryRetrieveLevel={level}", *asked,
        "127.0.0.1", str(port),
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    # DCMTK prints the request first, then one block for each match.
    blocks = re.split(r"Find Response: \d+", answer.stdout + answer.stderr)[1:]
    return [_read(block) for block in blocks]


def _read(block: str) -> dict[str, str]:
    """Keyword to value, from DCMTK's dump."""
    return {line[2]: line[1].strip("\0 ") for line in re.finditer(r"\[([^\]\n]*)\]\s+#\s+\d+,\s*\d+ (\w+)", block)}


def count(peers: Peers, called: str, port: int, StudyInstanceUID: str) -> int:
    """How many distinct images of a study a PACS lists; fails when it lists one twice."""
    series = ask(peers, called, port, "SERIES", StudyInstanceUID=StudyInstanceUID, SeriesInstanceUID="")
    uids = [
        match["SOPInstanceUID"]
        for one in series
        for match in ask(
            peers, called, port, "IMAGE",
            StudyInstanceUID=StudyInstanceUID, SeriesInstanceUID=one["SeriesInstanceUID"], SOPInstanceUID="",
        )
    ]  # fmt: skip
    assert len(set(uids)) == len(uids)
    return len(uids)


@contextmanager
def orthanc(peers: Peers, folder: Path, ae_title: str) -> Iterator[int]:
    """Orthanc as a PACS that anyone may send to and ask; its DICOM port."""
    program = peers.need("Orthanc")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "Name": ae_title, "DicomAet": ae_title, "DicomPort": port, "HttpServerEnabled": False,
                "StorageDirectory": str(folder / "store"), "IndexDirectory": str(folder / "store"),
                "DicomAlwaysAllowEcho": True, "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True,
                "DicomAlwaysAllowGet": True,
                "DicomCheckCalledAet": False, "DicomServerEnabled": True, "Plugins": [], "LuaScripts": [],
            }
        )
    )  # fmt: skip
    with (folder / "orthanc.log").open("wb") as log:
        running = subprocess.Popen([program, str(configuration)], stdout=log, stderr=log)
    try:
        echo = peers.need("echoscu")
        eventually(lambda: run(echo, "127.0.0.1", str(port)).returncode == 0, timeout=30)
        yield port
    finally:
        running.terminate()
        running.wait(30)
