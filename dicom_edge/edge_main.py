"""One edge process: what `iep edge` runs."""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from pydicom import config

from dicom_edge.admission import Admission, Networks
from dicom_edge.limits import Limits
from dicom_edge.listener import Listener
from dicom_edge.spool import Spool
from models.tls import Identity, server_context

log = logging.getLogger(__name__)


def run(
    spool: Path,
    directory: Path,
    *,
    plain: int | tuple[str, int] | None,
    tls: int | tuple[str, int] | None = None,
    identity: Identity | None = None,
    workers: Networks = (),
    limits: Limits | None = None,
    grace: float = 20,
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Listen until SIGTERM or SIGINT; then finish what is under way within `grace` seconds and return 0.

    `plain` and `tls` are each an inherited descriptor of a listening socket (several edges may share it), or a
    (host, port) to bind. `workers` are where our own workers may be. ValueError: `tls` without `identity`, or
    neither address.
    """
    if plain is None and tls is None:
        raise ValueError("an edge needs an address to listen on")
    if tls is not None and identity is None:
        raise ValueError("a TLS address needs a key, a certificate and authorities")
    _quieten()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listener = Listener(
        Spool(spool),
        Admission(directory, workers),
        (limits or Limits()).within(soft),
        plain=_listening(plain),
        tls=_listening(tls),
        tls_context=server_context(identity) if identity else None,
    )
    listener.start()
    ready()
    stop.wait()
    log.info("stopping")
    listener.stop(grace)
    return 0


def _listening(where: int | tuple[str, int] | None) -> socket.socket | None:
    if where is None:
        return None
    if isinstance(where, int):
        os.set_inheritable(where, False)
        return socket.socket(fileno=where)
    return socket.create_server(where, backlog=128)


def _quieten() -> None:
    """Keep what peers sent out of the log: the libraries quote values when they complain."""
    for name in ("pynetdicom", "pydicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    threading.excepthook = lambda failed: log.error("a thread ended: %s", failed.exc_type.__name__)
    config.settings.reading_validation_mode = config.IGNORE
    config.settings.writing_validation_mode = config.IGNORE
