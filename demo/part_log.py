"""One part's output: each line prefixed with the part's name on the terminal, and kept in a bounded file."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

FILE_BOUND = 5_000_000  # bytes; one older file of the same size is kept beside it
LINE_BOUND = 65_536  # bytes; a longer line is broken, so that a part cannot fill the runner's memory


class PartLog:
    """Takes what a part wrote, in any pieces, and passes on whole lines."""

    def __init__(self, name: str, width: int, folder: Path) -> None:
        self._prefix = f"{name:<{width}} | ".encode()
        self._path = folder / f"{name}.log"
        self._file = self._path.open("ab", buffering=0)
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._put(line)
        if len(self._rest) > LINE_BOUND:
            self.flush()

    def say(self, sentence: str) -> None:
        """A line of the runner's own about this part."""
        self.flush()
        self._put(f"[runner] {sentence}".encode())

    def flush(self) -> None:
        """Passes on a last line that did not end."""
        if self._rest:
            self._put(self._rest)
            self._rest = b""

    def close(self) -> None:
        self.flush()
        self._file.close()

    def _put(self, line: bytes) -> None:
        # A closed terminal or a full disk is no reason to end the demo.
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(self._prefix + line + b"\n")
            sys.stdout.buffer.flush()
        with contextlib.suppress(OSError):
            self._file.write(line + b"\n")
            if self._file.tell() > FILE_BOUND:
                self._file.close()
                self._path.replace(self._path.with_suffix(".log.1"))
                self._file = self._path.open("ab", buffering=0)
