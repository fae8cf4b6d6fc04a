"""The image store: received bytes, addressed by their SHA-256, never changed."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.domain.errors import Damaged, NotFound

_LIBC = ctypes.CDLL(None, use_errno=True)
KEY = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}")


@dataclass(frozen=True)
class Stored:
    """Where bytes lie (`store`, `key`), and what they are; `size` in bytes."""

    store: str
    key: str
    sha256: str
    size: int


class FolderArchive:
    """An archive in a local folder. Equal bytes have one key, whoever sent them."""

    name = "folder"

    def __init__(self, root: Path) -> None:
        self.root = root
        for first in range(256):
            (root / f"{first:02x}").mkdir(parents=True, exist_ok=True)
        # Made here and synced once, so that no put has to wonder whether its folder would survive a power cut.
        _sync(root)

    def put(self, path: Path, *, synced: bool = False) -> Stored:
        """Keeps the bytes at `path`; durable when it returns, and the same again when repeated."""
        return self.put_group([path], synced=synced)[0]

    def put_group(self, paths: Sequence[Path], *, synced: bool = False) -> list[Stored]:
        """As `put`, with one wait for the disk. `synced` says that the files were already fsynced."""
        group = [self._place(path, synced) for path in paths]
        folders = {self.path(stored.key).parent for stored in group}
        if len(folders) == 1:
            _sync(folders.pop())
        elif folders:
            _sync_file_system(self.root)
        return group

    def path(self, key: str) -> Path:
        """The file of `key`, to be read only. Raises NotFound for what is not a key of this archive."""
        if not KEY.fullmatch(key):
            raise NotFound("That is not a key of the archive.")
        return self.root / key

    def verify(self, key: str, sha256: str) -> None:
        """Raises Damaged where the stored bytes are missing or differ."""
        try:
            found, _ = _digest(self.path(key))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EIO):
                raise
            raise Damaged(
                "A stored object is missing from the archive or cannot be read; ask its sender for it again."
            ) from error
        if found != sha256:
            raise Damaged("A stored object differs from what was received; ask its sender for it again.")

    def remove(self, key: str) -> None:
        """Forgets the bytes. The caller knows that no other row names the same key."""
        self.path(key).unlink(missing_ok=True)

    def _place(self, path: Path, synced: bool) -> Stored:
        sha256, size = _digest(path)
        key = f"{sha256[:2]}/{sha256}"
        target = self.path(key)
        try:
            self.verify(key, sha256)
        except Damaged:
            self._link(path, target, synced)
        return Stored(self.name, key, sha256, size)

    def _link(self, path: Path, target: Path, synced: bool) -> None:
        """The bytes appear under their key at once and whole, and only after they are durable themselves."""
        if not synced:
            _sync(path)
        try:
            os.link(path, target)
        except OSError as error:
            # Another file system, one without links, or other bytes left there by damage.
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EEXIST):
                raise
            self._copy(path, target)

    def _copy(self, path: Path, target: Path) -> None:
        with tempfile.NamedTemporaryFile(prefix="put-", dir=self.root, delete=False) as file:
            copy = Path(file.name)
        try:
            shutil.copyfile(path, copy)
            _sync(copy)
            copy.replace(target)
        finally:
            copy.unlink(missing_ok=True)


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _sync_file_system(path: Path) -> None:
    """All folders at once: thirty of them, one by one, took thirty times as long."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
