"""A whole exchange of its own, as `iep demo` starts it, that delivers to the bench's destination."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from bench.orthanc import AE_TITLE, Orthanc
from bench.programs import free_base, running, until
from demo import postgres
from demo.child import State
from demo.hold import read_state
from demo.parts import RunnerError
from models.db import Database
from models.registry import add_node
from models.tables import Delivery, Worklist
from settings import OFFSETS

DESTINATION = "ZX2"
"""The demo's Institution whose worklist releases by itself."""
CALLED_AE_TITLE = f"IEP_{DESTINATION}"
PATIENCE = 90.0


class Exchange:
    """A running exchange: DICOM at `port`."""

    def __init__(self, port: int, database: Database) -> None:
        self.port = port
        self._database = database

    def deliver_to(self, destination: Orthanc) -> None:
        """Make `destination` the Node behind the destination's worklist."""
        with self._database.begin() as session:
            node = add_node(
                session,
                "bench",
                institution_id=DESTINATION,
                name=AE_TITLE,
                ae_title=AE_TITLE,
                host="127.0.0.1",
                port=destination.port,
            )
            worklist = session.scalars(
                select(Worklist).where(Worklist.institution_id == DESTINATION, Worklist.is_default)
            ).one()
            worklist.node_id = node.id

    def underway(self) -> list[str]:
        """The states of the deliveries that their destination has not confirmed, each with what hinders it."""
        with self._database.begin() as session:
            open_ones = select(Delivery).where(Delivery.state != "confirmed")
            return [
                f"{delivery.state} {delivery.state_detail or delivery.fault}".strip()
                for delivery in session.scalars(open_ones)
            ]


@contextlib.contextmanager
def exchange(var: Path) -> Iterator[Exchange]:
    """An exchange that keeps everything in `var`."""
    base = free_base(sorted(OFFSETS.values()))
    environment = {"IEP_PORT_BASE": str(base), "IEP_VAR": str(var)}
    var.mkdir()
    with running([sys.executable, "-m", "cli", "demo", "--empty"], var / "demo.log", environment) as program:
        until(lambda: _is_up(var / "run"), PATIENCE, "The start of the exchange", program, every=0.2)
        database = Database(postgres.url(var))
        try:
            yield Exchange(base + OFFSETS["dicom"], database)
        finally:
            database.close()
            # Elsewhere when the path of `var` is too long for a socket.
            shutil.rmtree(postgres.socket_folder(var), ignore_errors=True)


def _is_up(run_folder: Path) -> bool:
    try:
        return all(part["state"] in (State.READY, State.DONE) for part in read_state(run_folder).values())
    except RunnerError:
        return False
