"""One object on its way to the disk, as pynetdicom writes it while it arrives."""

from __future__ import annotations

import contextlib
from pathlib import Path


class Incoming:
    """Stands in for the temporary file of pynetdicom's chunked receiving (`NamedTemporaryFile`).

    A disk that is full must not end the association: the rest of the data set is swallowed, the file is gone at
    once, and `failed` says why, so that the sender can be told "out of resources" and tries again later.
    """

    def __init__(self, path: Path, *, room: bool) -> None:
        self.path = path
        self.name = str(path)
        self.failed: str | None = None
        self.length = 0
        self._file = None
        if not room:
            self.failed = "spool low"
            return
        try:
            self._file = path.open("xb", buffering=262144)
        except OSError as error:
            self._fail(error)

    @property
    def file(self) -> Incoming:
        """pynetdicom flushes the file below the wrapper after each fragment."""
        return self

    def flush(self) -> None:
        """Nothing: the fragments of one object are written in larger pieces, and `complete` is what counts."""

    def write(self, fragment: bytes) -> int:
        self.length += len(fragment)
        if self._file is not None and not self.failed:
            try:
                self._file.write(fragment)
            except (OSError, ValueError) as error:
                self._fail(error)
        return len(fragment)

    def tell(self) -> int:
        return self.length

    def complete(self) -> bool:
        """Whether every byte has been handed to the operating system; the file is closed."""
        self.close()
        return not self.failed

    def close(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except (OSError, ValueError) as error:
                self._fail(error)

    def discard(self) -> None:
        """Leave nothing behind, unless the file has been renamed into ready/ meanwhile."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _fail(self, error: Exception) -> None:
        self.failed = type(error).__name__ if not isinstance(error, OSError) else str(error.errno)
        # A close that fails still gives the descriptor back.
        if self._file is not None:
            with contextlib.suppress(OSError, ValueError):
                self._file.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
