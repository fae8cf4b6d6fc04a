"""The least that a durable relay can be: the limit that the exchange is to come close to.

One process receives (fsync and rename before it acknowledges); another picks up what has landed and sends it on, over
four associations, while the study still arrives. It keeps no record, checks nothing, and forgets on the first error.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, _config, evt

from activities.peer import MAXIMUM_PDU
from activities.quick_socket import make_quick
from bench.programs import free_port, listens, running, until

ASSOCIATIONS = 4
LOOK_EVERY = 0.005
PATIENCE = 30.0
THIS = (sys.executable, "-m", "bench.bare_relay")


@contextlib.contextmanager
def bare_relay(folder: Path, destination: int) -> Iterator[int]:
    """A relay with its spool in `folder`; the port it receives on."""
    for name in ("tmp", "ready"):
        (folder / name).mkdir()
    with (
        running([*THIS, "sender", folder, str(destination)], folder / "sender.log"),
        bare_receiver(folder) as port,
    ):
        yield port


@contextlib.contextmanager
def bare_receiver(folder: Path) -> Iterator[int]:
    """Its receiving half alone, which keeps in `ready` below `folder`; the port it receives on."""
    port = free_port()
    for name in ("tmp", "ready"):
        (folder / name).mkdir(exist_ok=True)
    with running([*THIS, "edge", folder, str(port)], folder / "edge.log") as edge:
        until(lambda: listens(port), PATIENCE, "The start of the bare receiver", edge)
        yield port


def receive(folder: Path, port: int) -> None:
    _config.STORE_RECV_CHUNKED_DATASET = True
    tempfile.tempdir = str(folder / "tmp")
    ready = os.open(folder / "ready", os.O_RDONLY | os.O_DIRECTORY)

    def keep(event: Any) -> int:
        path = event.dataset_path
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.rename(folder / "ready" / path.name)
        os.fsync(ready)
        return 0x0000

    ae = AE("BARE")
    ae.maximum_pdu_size = MAXIMUM_PDU
    ae.add_supported_context(CTImageStorage, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_CONN_OPEN, make_quick), (evt.EVT_C_STORE, keep)]
    ae.start_server(("127.0.0.1", port), evt_handlers=handlers)


def send(folder: Path, port: int) -> None:
    _config.STORE_SEND_CHUNKED_DATASET = True
    landed: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for _ in range(ASSOCIATIONS):
        threading.Thread(target=_line, args=(landed, port), daemon=True).start()
    seen: set[str] = set()
    while True:
        fresh = [name for name in os.listdir(folder / "ready") if name not in seen]
        for name in fresh:
            landed.put(folder / "ready" / name)
        seen.update(fresh)
        time.sleep(LOOK_EVERY)


def _line(landed: queue.SimpleQueue[Path], port: int) -> None:
    """One association after the other: each lasts until nothing has come for a second."""
    ae = AE("BARE")
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    while True:
        path: Path | None = landed.get()
        assoc = ae.associate("127.0.0.1", port, max_pdu=MAXIMUM_PDU, evt_handlers=[(evt.EVT_CONN_OPEN, make_quick)])
        while path is not None:
            assoc.send_c_store(path)
            path.unlink()
            try:
                path = landed.get(timeout=1.0)
            except queue.Empty:
                path = None
        assoc.release()


def main(role: str, folder: str, port: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    {"edge": receive, "sender": send}[role](Path(folder), int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
