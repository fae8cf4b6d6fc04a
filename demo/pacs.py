"""A small PACS for the demo: stores, answers queries, moves, and commits to what it holds. One program per PACS.

    python -m demo.pacs --ae-title ZX1_PACS --port 11121 --folder var/pacs/ZX1 --peer IEP=127.0.0.1:11112

It takes any calling and called AE title, and keeps the first copy of a SOP Instance.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pydicom.config
from pynetdicom import _config

from demo.commitment import NEVER, NEW, SAME
from demo.pacs_services import Pacs
from models.tls import Identity, server_context

log = logging.getLogger(__name__)


def run_pacs(
    ae_title: str,
    host: str,
    port: int,
    folder: Path,
    peers: Mapping[str, tuple[str, int]],
    commit: str = SAME,
    tls: Identity | None = None,
) -> NoReturn:
    """Serves until SIGTERM or Ctrl-C, which end this process with exit code 0.

    `peers` are the addresses by AE title for C-MOVE and for storage commitment results. With `commit` "same" these come
    on the association of the request, or on a new one where that has ended; else always on a "new" one, or "never".
    With `tls` it listens by TLS alone, and demands a certificate; where it calls itself it stays in the clear.
    """
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.STORE_RECV_CHUNKED_DATASET = True
    _config.LOG_HANDLER_LEVEL = "none"
    # Both tell what is in the objects and queries; what is odd in them is not for the log.
    for talkative in ("pydicom", "pynetdicom"):
        logging.getLogger(talkative).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    stopped = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda number, frame: stopped.set())
    pacs = Pacs(ae_title, folder, peers, commit)
    # Received files are renamed into the folder, so they must be written on its file system.
    tempfile.tempdir = str(pacs.store.incoming)
    server = pacs.ae.start_server(
        (host, port),
        block=False,
        evt_handlers=pacs.handlers(),
        ssl_context=server_context(tls) if tls else None,
    )
    log.info("%s listens on %s:%d with %d objects", ae_title, host, server.server_address[1], len(pacs.store))
    stopped.wait()
    # Associations that are still open are threads that would hold the exit; what they stored is durable.
    logging.shutdown()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ae-title", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--peer", action="append", default=[], metavar="AE_TITLE=HOST:PORT")
    parser.add_argument("--commit", choices=(SAME, NEW, NEVER), default=SAME, help="the association that it reports on")
    parser.add_argument(
        "--tls",
        nargs=3,
        type=Path,
        metavar=("KEY", "CERTIFICATE", "AUTHORITIES"),
        help="PEM files: listen by TLS alone",
    )
    given = parser.parse_args()
    peers = {}
    for peer in given.peer:
        title, _, address = peer.partition("=")
        host, _, port = address.rpartition(":")
        peers[title] = (host, int(port))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_pacs(
        given.ae_title,
        given.host,
        given.port,
        given.folder,
        peers,
        given.commit,
        Identity(*given.tls) if given.tls else None,
    )


if __name__ == "__main__":
    main()
