"""An edge process for tests: python -m tests.edge.serve SETTINGS, a JSON object; may be told to break on purpose.

{"spool", "directory", "plain": fd|null, "tls": fd|null, "key", "certificate", "authorities", "limits": {...},
 "workers": [network...], "grace": s, "fault": name|null, "largest_file": bytes|null, "descriptors": n|null}
"""

from __future__ import annotations

import errno
import json
import logging
import os
import resource
import signal
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from dicom_edge import spool
from dicom_edge.admission import Admission
from dicom_edge.edge_main import run
from dicom_edge.limits import Limits
from dicom_edge.spool import Spool
from models.tls import Identity


def die_after_keep() -> None:
    """Kill -9 once the third object is durable, before its acknowledgement."""
    keep = Spool.keep

    def kept(self: Spool, path: Path, association: str, n: int, *, fetched: bool = False) -> Path:
        final = keep(self, path, association, n, fetched=fetched)
        if n == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return final

    Spool.keep = kept  # type: ignore[method-assign]


def die_in_keep(step: str) -> None:
    """Kill -9 within the third keep: before the file's fsync, or between the rename and the folder's."""
    keep = Spool.keep
    fsync = spool._fsync

    def kept(self: Spool, path: Path, association: str, n: int, *, fetched: bool = False) -> Path:
        def dying(path: Path, flags: int) -> None:
            if n == 3 and bool(flags & os.O_DIRECTORY) == (step == "folder"):
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(path, flags)

        spool._fsync = dying
        return keep(self, path, association, n, fetched=fetched)

    Spool.keep = kept  # type: ignore[method-assign]


def fail_fsync() -> None:
    """The second object's fsync reports that the disk lost something."""
    fsync = spool._fsync
    seen = 0

    def failing(path: Path, flags: int) -> None:
        nonlocal seen
        if path.parent.name == "tmp" and path.read_bytes()[:1] == b"\0":
            seen += 1
            if seen == 2:
                raise OSError(errno.EIO, "injected")
        fsync(path, flags)

    spool._fsync = failing


def break_admission() -> None:
    """Nobody can be judged."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("injected")

    Admission.judge = broken  # type: ignore[assignment]


FAULTS = {
    "break-admission": break_admission,
    "die-after-keep": die_after_keep,
    "die-before-fsync": lambda: die_in_keep("file"),
    "die-before-folder-fsync": lambda: die_in_keep("folder"),
    "fail-fsync": fail_fsync,
}


def main(given: dict[str, Any]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if given.get("fault"):
        FAULTS[given["fault"]]()
    if given.get("largest_file"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (given["largest_file"], resource.RLIM_INFINITY))
    if given.get("descriptors"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (given["descriptors"], given["descriptors"]))
    identity = None
    if given.get("key"):
        identity = Identity(Path(given["key"]), Path(given["certificate"]), Path(given["authorities"]))
    return run(
        Path(given["spool"]),
        Path(given["directory"]),
        plain=given.get("plain"),
        tls=given.get("tls"),
        identity=identity,
        workers=[ip_network(one) for one in given.get("workers", [])],
        limits=Limits(**given.get("limits", {})),
        grace=given.get("grace", 5),
    )


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
