"""Starting a program of the demo for a test, and ending it."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.eventually import eventually

ROOT = Path(__file__).parents[2]


@dataclass
class Program:
    """A running program that has said on which port it listens."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


@contextlib.contextmanager
def program(log: Path, module: str, *arguments: str) -> Iterator[Program]:
    """Runs `python -m module --port 0 arguments` until the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", "0", *arguments], cwd=ROOT, stdout=output, stderr=output
        )
    try:
        found = eventually(lambda: re.search(r"listens on [\d.]+:(\d+)", log.read_text()))
        assert found, log.read_text()
        yield Program(process, int(found[1]), log)
    finally:
        process.kill()
        process.wait()


def lives(pid: int) -> bool:
    """Whether the process does something still; one that waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
