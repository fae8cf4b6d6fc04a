"""A whole exchange of its own, as `iep demo` starts it, that delivers to the bench's destination."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, select, update

from bench.orthanc import AE_TITLE, Orthanc
from bench.programs import free_base, running, until
from demo import postgres
from demo.child import State
from demo.hold import hold, read_state, release
from demo.parts import RunnerError
from demo.studies import Study
from models.db import Database
from models.registry import add_node
from models.tables import Arrival, Delivery, Node, Parcel, TransitionRow, Worklist
from models.tables import Study as StudyRow
from settings import OFFSETS

DESTINATION = "ZX2"
"""The demo's Institution whose worklist releases by itself."""
CALLED_AE_TITLE = f"IEP_{DESTINATION}"
SENDER = "STORESCU"
PATIENCE = 90.0


class Exchange:
    """A running exchange: DICOM at `port`."""

    def __init__(self, base: int, var: Path, database: Database) -> None:
        self.port = base + OFFSETS["dicom"]
        self.engine = f"127.0.0.1:{base + OFFSETS['temporal']}"
        self.database = database
        self._base = base
        self._var = var

    def pacs_port(self, institution_id: str) -> int:
        return self._base + OFFSETS[f"{institution_id}_PACS"]

    def pid(self, part: str) -> int:
        return int(read_state(self._var / "run")[part]["pid"])

    @property
    def spool(self) -> Path:
        """Where the edges keep what ingest has not taken over."""
        return self._var / "spool" / "ready"

    @contextlib.contextmanager
    def held(self, part: str) -> Iterator[None]:
        """The part is stopped meanwhile."""
        hold(self._var / "run", part)
        try:
            yield
        finally:
            release(self._var / "run", part)

    def quiet_after(self, seconds: float) -> None:
        """A pushed study counts as complete after so much silence of its sender."""
        with self.database.begin() as session:
            session.execute(update(Node).where(Node.name == SENDER).values(quiet_seconds=seconds))

    def deliver_to(self, destination: Orthanc) -> None:
        """Make `destination` the Node behind the destination's worklist."""
        with self.database.begin() as session:
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

    def allow(self, institution_id: str, slots: int, rate: float = 0.0) -> None:
        """The Institution's PACS takes so many associations at once from now on, and images a second.

        Without an association nothing is sent to it; a rate of 0 is no limit.
        """
        with self.database.begin() as session:
            session.execute(update(Node).where(Node.name == f"{institution_id}_PACS").values(slots=slots, rate=rate))

    def underway(self) -> list[str]:
        """The states of the deliveries that their destination has not confirmed, each with what hinders it."""
        with self.database.begin() as session:
            open_ones = select(Delivery).where(Delivery.state != "confirmed")
            return [
                f"{delivery.state} {delivery.state_detail or delivery.fault}".strip()
                for delivery in session.scalars(open_ones)
            ]

    def until_confirmed(self, study: Study, seconds: float = 600.0) -> float:
        """Wait until the destination has confirmed the study; how many seconds after its first image was received."""
        found = (
            select(TransitionRow.at - Arrival.opened_at)
            .join(Delivery, Delivery.id == TransitionRow.subject_id)
            .join(Parcel, Parcel.id == Delivery.parcel_id)
            .join(Arrival, Arrival.id == Parcel.arrival_id)
            .where(TransitionRow.after == "confirmed", of(study))
        )
        until(lambda: self.one(found) is not None, seconds, "The confirmation of a delivery", every=0.1)
        took: timedelta = self.one(found)
        return took.total_seconds()

    def one(self, query: Select[Any]) -> Any:
        """The first value that the query finds in its database, None where it finds nothing."""
        with self.database.begin() as session:
            return session.scalars(query).first()


def of(study: Study) -> ColumnElement[bool]:
    """Of an Arrival: it brought images of the study."""
    return Arrival.study_id.in_(
        select(StudyRow.id).where(StudyRow.StudyInstanceUID == study.study_instance_uid).scalar_subquery()
    )


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
            yield Exchange(base, var, database)
        finally:
            database.close()
            # Elsewhere when the path of `var` is too long for a socket.
            shutil.rmtree(postgres.socket_folder(var), ignore_errors=True)


def _is_up(run_folder: Path) -> bool:
    try:
        return all(part["state"] in (State.READY, State.DONE) for part in read_state(run_folder).values())
    except RunnerError:
        return False
