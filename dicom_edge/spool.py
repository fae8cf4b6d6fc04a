"""The spool: the folder where an edge keeps what it has acknowledged until ingest has taken it over.

    tmp/           files being written, named <edge>.<random>
    ready/         <association>.<n>.dcm: complete Part 10 files, durable before they were acknowledged;
                   <association>.<n>.fetched.dcm where the sender says that it moves the object at our request
    associations/  <association>.json: who sent them
    events/        <random>.json: one fact each
    poison/        facts that could not be taken over, kept for a person
    edges/         <edge>.lock: locked while that edge lives

Everything outside tmp/ appears by rename, so a reader never sees half a file. No name holds anything a peer sent.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_edge.facts import Association, Fact, fact_from_json, fact_to_json

log = logging.getLogger(__name__)
FOLDERS = ("tmp", "ready", "associations", "events", "edges", "poison")
FETCHED = ".fetched"


@dataclass(frozen=True)
class Kept:
    """One acknowledged object: the `n`th (from 1) of its association; `fetched` as its sender says."""

    association: str
    n: int
    path: Path
    fetched: bool = False


@dataclass(frozen=True)
class Event:
    """One fact on disk."""

    path: Path
    fact: Fact


class Spool:
    """The spool at `root`, for the edges that fill it and the ingest that empties it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tmp, self.ready_folder, self._associations, self._events, self._edges, self._poison = (
            root / name for name in FOLDERS
        )
        for name in FOLDERS:
            (root / name).mkdir(parents=True, exist_ok=True)
        _fsync(root, os.O_RDONLY | os.O_DIRECTORY)
        self.edge = uuid.uuid4().hex
        self._lock: int | None = None

    # The edge's side

    def enter(self) -> None:
        """Take this edge's lock, and clear away what dead edges left in tmp/."""
        # Not in tmp/, where the janitor of an edge that starts at the same moment would clear it away.
        newborn = self._edges / f"{self.edge}.new"
        self._lock = os.open(newborn, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Locked before it is seen: nobody can take an edge that is starting for a dead one.
        newborn.rename(self._lock_path(self.edge))
        self._clear_dead()

    def leave(self) -> None:
        """Give the lock up: this edge's associations have all ended."""
        if self._lock is not None:
            self._lock_path(self.edge).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def new_path(self) -> Path:
        """A fresh name in tmp/ that the janitor will know as this edge's."""
        return self.tmp / f"{self.edge}.{uuid.uuid4().hex}"

    def record_association(self, association: Association) -> None:
        """Make `association` durable. Must return before its first object is acknowledged."""
        self._write(association.to_json(), self._associations / f"{association.association}.json")

    def keep(self, path: Path, association: str, n: int, *, fetched: bool = False) -> Path:
        """Make the complete file at `path` (in tmp/) durable as object `n`: fsync, rename, fsync of the folder.

        Only after this has returned may the object be acknowledged. An OSError means: not kept, do not
        acknowledge; the file is then gone, since after a failed fsync its bytes cannot be trusted.
        """
        kept = self.ready_folder / f"{association}.{n}{FETCHED if fetched else ''}.dcm"
        try:
            self._move(path, kept)
        except OSError:
            path.unlink(missing_ok=True)
            kept.unlink(missing_ok=True)
            raise
        return kept

    def report(self, fact: Fact) -> None:
        """Make one fact durable for ingest."""
        self._write(fact_to_json(fact), self._events / f"{uuid.uuid4().hex}.json")

    def free_bytes(self) -> int:
        """What is still free for this process, in bytes; 0 when the file system is out of inodes."""
        status = os.statvfs(self.root)
        if status.f_files and not status.f_favail:
            return 0
        return status.f_bavail * status.f_frsize

    # Ingest's side

    def is_empty(self) -> bool:
        """Whether there is neither an object nor a fact to take over."""
        return not any(
            next(self._files(folder, suffix), None)
            for folder, suffix in ((self.ready_folder, ".dcm"), (self._events, ".json"))
        )

    def ready(self) -> list[Kept]:
        """The acknowledged objects, by association and then in the order of arrival."""
        found = []
        for path in self._files(self.ready_folder, ".dcm"):
            name = path.stem.removesuffix(FETCHED)
            association, n = name.split(".")
            found.append(Kept(association, int(n), path, fetched=name != path.stem))
        return sorted(found, key=lambda kept: (kept.association, kept.n))

    def association(self, association: str) -> Association | None:
        """Who sent it; None when there is no such association (any more)."""
        try:
            return Association.from_json(json.loads(self._association_path(association).read_text()))
        except FileNotFoundError:
            return None

    def associations(self) -> list[str]:
        """The associations on record: each has asked to store at least one object."""
        return [path.stem for path in self._files(self._associations, ".json")]

    def events(self) -> list[Event]:
        """The facts not yet forgotten, in no order."""
        found = []
        for path in self._files(self._events, ".json"):
            try:
                found.append(Event(path, fact_from_json(json.loads(path.read_text()))))
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log.error("fact %s cannot be read and is set aside: %s", path.stem, type(error).__name__)
                self.set_aside(path)
        return found

    def edge_is_alive(self, edge: str) -> bool:
        """Whether the process of that edge still lives; if not, all its associations have ended."""
        try:
            lock = os.open(self._lock_path(edge), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who ask at once do not take each other for the edge.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def forget(self, taken: Kept | Event) -> None:
        """Remove what has been taken over. Not synced: after a power cut it may be seen once more."""
        taken.path.unlink(missing_ok=True)

    def set_aside(self, fact: Path) -> None:
        """Keep a fact that cannot be taken over out of the way; it may be one that a sender relies on."""
        fact.replace(self._poison / fact.name)

    def forget_association(self, association: str) -> None:
        """Remove the record of an association that has ended and whose objects are all forgotten."""
        self._association_path(association).unlink(missing_ok=True)

    def _association_path(self, association: str) -> Path:
        return self._associations / f"{association}.json"

    def _lock_path(self, edge: str) -> Path:
        return self._edges / f"{edge}.lock"

    @staticmethod
    def _files(folder: Path, suffix: str) -> Iterator[Path]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(suffix):
                    yield Path(entry.path)

    def _write(self, content: dict[str, Any], final: Path) -> None:
        path = self.new_path()
        try:
            path.write_text(json.dumps(content))
            self._move(path, final)
        except OSError:
            path.unlink(missing_ok=True)
            raise

    @staticmethod
    def _move(path: Path, final: Path) -> None:
        _fsync(path, os.O_RDONLY)
        path.rename(final)
        _fsync(final.parent, os.O_RDONLY | os.O_DIRECTORY)

    def _clear_dead(self) -> None:
        alive: dict[str, bool] = {}
        for path in list(self.tmp.iterdir()):
            edge = path.name.split(".")[0]
            if edge not in alive:
                alive[edge] = self.edge_is_alive(edge)
            if not alive[edge]:
                path.unlink(missing_ok=True)
        for path in self._files(self._edges, ".lock"):
            if not self.edge_is_alive(path.stem):
                path.unlink(missing_ok=True)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
