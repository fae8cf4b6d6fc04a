"""Transfers that are fetched by C-GET, and a real edge that takes what workers hand on to it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import dcmread
from sqlalchemy import select, update

from models.directory import write_directory_file
from models.tables import Instance, ManifestImage, Node, TransferStudy
from tests.activities.fetching import Fetching
from tests.eventually import eventually
from tests.ingest.filling import Filling

ROOT = Path(__file__).parents[2]
HERE = ["127.0.0.1"]


@dataclass
class Getting(Fetching):
    """ZX1's PACS is asked by C-GET; `start_edge` first."""

    listening: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=64))
    edges: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.edge = self.listening.getsockname()
        self.set_node(retrieve_by="get")

    @property
    def directory(self) -> Path:
        return self.filling.folder / "directory.json"

    @property
    def log(self) -> Path:
        return self.filling.folder / "edge.log"

    def set_node(self, **facts: Any) -> None:
        """Of ZX1's PACS; the edge knows it on return."""
        with self.database.begin() as session:
            node = session.get_one(Node, self.filling.registry.nodes["ZX1_PACS"])
            for name, value in facts.items():
                setattr(node, name, value)
        write_directory_file(self.database, self.directory)

    def start_edge(self, *, workers: list[str] = HERE, **settings: Any) -> None:
        """`settings` as in tests/edge/serve.py."""
        given: dict[str, Any] = {
            "spool": str(self.filling.spool.root),
            "directory": str(self.directory),
            "workers": workers,
        }
        given |= {"plain": self.listening.fileno(), **settings}
        with self.log.open("ab") as output:
            made = subprocess.Popen(
                [sys.executable, "-m", "tests.edge.serve", json.dumps(given)],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                pass_fds=[self.listening.fileno()],
            )
        self.edges.append(made)
        eventually(lambda: self.log.read_text().count("listens on") == len(self.edges), 20)

    @property
    def temporary(self) -> Path:
        """Where a worker puts its temporary files."""
        return self.filling.folder / "temporary"

    def worker(self, transfer_id: str, **options: Any) -> subprocess.Popen[Any]:
        """One round in a process of its own."""
        self.temporary.mkdir()
        url = self.database.engine.url.render_as_string(hide_password=False)
        program = [sys.executable, "-m", "tests.activities.run_retrieving", url, transfer_id, str(self.edge[1])]
        return subprocess.Popen(program, cwd=ROOT, env={**os.environ, "TMPDIR": str(self.temporary)}, **options)

    def stop_edge(self) -> None:
        for one in self.edges:
            one.kill()
            one.wait(10)

    def forget_classes(self) -> None:
        """As if the PACS had not said of which SOP class its images are."""
        with self.database.begin() as session:
            session.execute(update(ManifestImage).values(SOPClassUID=""))

    def forget_comparison(self) -> None:
        """As if the list had not been compared with what the PACS has at the end."""
        with self.database.begin() as session:
            session.execute(update(TransferStudy).values(compared_at=None))

    def archived(self) -> dict[str, bytes]:
        """The data set of each image as it stands in the archive, by SOPInstanceUID."""
        with self.database.begin() as session:
            kept = {one.SOPInstanceUID: one.key for one in session.scalars(select(Instance)) if one.key}
        return {uid: data_set_of(self.filling.archive.path(key)) for uid, key in kept.items()}


def data_set_of(path: Path) -> bytes:
    """What follows the File Meta Information (PS3.10 Section 7.1)."""
    meta = dcmread(path, specific_tags=[], stop_before_pixels=True).file_meta
    return path.read_bytes()[132 + 12 + int(meta.FileMetaInformationGroupLength) :]


@contextlib.contextmanager
def getting_by(filling: Filling) -> Iterator[Getting]:
    """Whatever its edge has kept is taken over until the end of the block."""
    made, stop = Getting(filling), threading.Event()
    ingest = threading.Thread(target=filling.ingest.run, args=(stop,))
    ingest.start()
    try:
        yield made
    finally:
        stop.set()
        ingest.join()
        made.stop_edge()
        made.listening.close()
