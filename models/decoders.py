"""Decoders of pixels, kept apart from this process: they read strangers' bytes, crash, and make small files large.

To load them takes half a second. So one process has them loaded (models.decoding_process) and forks for each object.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path


class Decoders:
    """May be asked by many threads at once; each object has a process of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[socket.socket, subprocess.Popen[bytes]] | None = None

    def content_digest(self, path: Path) -> str | None:
        """What models.decode_in_child says that the object shows; None where it cannot be decoded within its bounds.

        Raises OSError where the object cannot be opened, or the machine has no process to spare.
        """
        said = self._asked_about(path, "digest")
        return said if re.fullmatch(r"[0-9a-f]{64}", said) else None

    def decompress(self, source: Path, target: int, syntax: str) -> bool:
        """Whether the object at `source`, its pixels decoded, was written to the descriptor `target` as `syntax`.

        Raises OSError as `content_digest` does.
        """
        return self._asked_about(source, f"decompress {syntax}", target) == "done"

    def close(self) -> None:
        with self._lock:
            self._end()

    def _asked_about(self, source: Path, question: str, *descriptors: int) -> str:
        """The answer; empty where the process that was asked ended before it had one."""
        with source.open("rb") as opened:
            # Once more for a process that died before it had read the question.
            for _ in range(2):
                if begun := self._asked(question, opened.fileno(), *descriptors):
                    return begun.removeprefix("begun ")
        raise OSError(errno.ENOMEM, "no process can be started to decode an object")

    def _asked(self, question: str, *descriptors: int) -> str:
        reading, writing = os.pipe()
        with open(reading, "rb") as answer:
            try:
                self._send(question, [writing, *descriptors])
            finally:
                os.close(writing)
            # Ends with the process: whoever takes too long is ended by the kernel.
            return answer.read().decode("ascii", "replace")

    def _send(self, question: str, descriptors: Sequence[int]) -> None:
        with self._lock:
            try:
                socket.send_fds(self._requests(), [question.encode()], descriptors)
            except (BrokenPipeError, ConnectionResetError):
                self._end()
                socket.send_fds(self._requests(), [question.encode()], descriptors)

    def _requests(self) -> socket.socket:
        if self._running is None:
            requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-W", "ignore", "-m", "models.decoding_process", str(theirs.fileno())],
                    cwd=Path(__file__).parents[1],
                    env={"OPENBLAS_NUM_THREADS": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
            self._running = requests, process
        return self._running[0]

    def _end(self) -> None:
        if self._running is not None:
            requests, process = self._running
            self._running = None
            requests.close()
            process.wait()


DECODERS = Decoders()
atexit.register(DECODERS.close)
