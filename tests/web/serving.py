"""The portal in a process of its own, as in production, for tests that come with a browser.

Werkzeug's server inside the process of the tests leaves files open when a browser hangs up at the wrong moment.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib, sys
from web.serve import serve
module, factory, port = sys.argv[1:]
serve(getattr(importlib.import_module(module), factory), "127.0.0.1", int(port), workers=1, threads=4)
"""


@dataclass(frozen=True)
class Portal:
    address: str
    process: subprocess.Popen[bytes]


@contextmanager
def serving(factory: str, environment: Mapping[str, str] | None = None) -> Iterator[Portal]:
    """Serves the application that `factory` ("package.module:function", without arguments) makes."""
    module, _, function = factory.partition(":")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, module, function, str(port)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
    )

    def listens() -> bool:
        assert process.poll() is None, "the portal has ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    try:
        eventually(listens)
        yield Portal(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
