"""Another worker of the exchange beside that of the demo, as a second host or a new version has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from demo.exchange import environment
from models.presence import Presence
from tests.end_to_end.exchange import ROOT, Exchange
from tests.eventually import eventually


@contextmanager
def second_worker(exchange: Exchange, queue: str) -> Iterator[None]:
    """Works during the block; then it is told to stop, and must end well."""
    settings, var = exchange.settings, exchange.var / "beside"
    folders = {
        "IEP_VAR": str(var),
        "IEP_ARCHIVE": str(settings.archive_folder),
        "IEP_SPOOL": str(settings.spool_folder),
    }
    log = exchange.var / "log" / f"{queue}-beside.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "worker", queue],
            cwd=ROOT,
            env=os.environ | environment(settings) | folders,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    here = Presence(var / "run" / "present")
    try:
        eventually(lambda: process.poll() is not None or here.is_here(queue), timeout=30)
        assert process.poll() is None, log.read_text()[-2000:]
        yield
        process.terminate()
        assert process.wait(30) == 0, log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()
