"""Orthanc as a destination, and as the relay that many hospitals build from it with four lines of Lua."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.programs import free_port, listens, need, running, until

AE_TITLE = "ORTHANC"
FORWARD = """
function OnStoredInstance(instanceId, tags, metadata, origin)
  Delete(SendToModality(instanceId, "destination"))
end
"""
PATIENCE = 30.0


class Orthanc:
    """A running Orthanc: DICOM at `port`, and its REST interface at `rest`."""

    def __init__(self, port: int, rest: int) -> None:
        self.port = port
        self.rest = rest

    def count(self) -> int:
        """How many instances it has."""
        return int(self._ask("GET", "/statistics")["CountInstances"])

    def clear(self) -> None:
        """Forget every instance."""
        for patient in self._ask("GET", "/patients"):
            self._ask("DELETE", f"/patients/{patient}")

    def _ask(self, method: str, path: str) -> Any:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.rest, timeout=PATIENCE)) as connection:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())


@contextlib.contextmanager
def orthanc(folder: Path, name: str, *, forward_to: Orthanc | None = None) -> Iterator[Orthanc]:
    """An Orthanc with its storage in `folder`, which passes everything on where `forward_to` is given."""
    port, rest = free_port(), free_port()
    home = folder / name
    home.mkdir()
    script = home / "forward.lua"
    script.write_text(FORWARD)
    configuration = {
        "Name": name,
        "StorageDirectory": str(home / "storage"),
        "IndexDirectory": str(home / "storage"),
        "Plugins": [],
        "LuaScripts": [str(script)] if forward_to else [],
        "DicomAet": AE_TITLE,
        "DicomPort": port,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowFind": True,
        "HttpPort": rest,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "TcpNoDelay": True,
        "DicomModalities": {"destination": [AE_TITLE, "127.0.0.1", forward_to.port]} if forward_to else {},
    }
    (home / "orthanc.json").write_text(json.dumps(configuration))
    log = home / "log"
    with running([need("Orthanc", "orthanc"), home / "orthanc.json"], log) as program:
        until(lambda: listens(port) and listens(rest), PATIENCE, f"The start of Orthanc ({name})", program)
        yield Orthanc(port, rest)
