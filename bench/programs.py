"""Programs and folders that exist while a measurement needs them, and not a moment longer."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

GRACE = 20.0
"""Seconds between the stop signal and SIGKILL; the demo's runner ends its own children within."""
LOOK_EVERY = 0.02
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """The measurement cannot go on; the message is one sentence for the person at the terminal."""


def need(program: str, package: str) -> str:
    """The path of Debian's `program`: the virtual environment has namesakes of DCMTK's."""
    found = shutil.which(program, path="/usr/bin:/usr/sbin:/usr/local/bin")
    if found is None:
        raise BenchError(f"{program} is missing; install it with: apt-get install {package}")
    return found


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder below `parent` that is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="iep-bench-", dir=parent))
    try:
        # PostgreSQL runs as another user and must be able to pass through.
        folder.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(
    argv: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The program, with what it says in `log`; at the end it and its descendants are gone."""
    with log.open("ab") as output:
        program = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            # A group of its own: Ctrl-C reaches the bench alone, which stops things in order.
            process_group=0,
            preexec_fn=lambda: _LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM)),
        )
    try:
        yield program
    finally:
        program.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def until(
    happened: Callable[[], bool],
    seconds: float,
    what: str,
    program: subprocess.Popen[bytes] | None = None,
    every: float = LOOK_EVERY,
) -> None:
    """Wait until `happened`; BenchError naming `what` when it does not, or when `program` has ended meanwhile."""
    deadline = time.monotonic() + seconds
    while not happened():
        if program is not None and program.poll() is not None:
            raise BenchError(f"{what} did not happen: the program ended with {program.returncode}.")
        if time.monotonic() > deadline:
            raise BenchError(f"{what} did not happen within {seconds:g} s.")
        time.sleep(every)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_base(offsets: Sequence[int]) -> int:
    """A number N for which every port N + offset is free at this moment, outside the ephemeral range."""
    for base in range(23000, 32000, 50):
        if all(_is_free(base + offset) for offset in offsets):
            return base
    raise BenchError("No ports are free.")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
