"""Ingest is killed at each step, and its database goes away: nothing that was acknowledged is lost, nothing doubled."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models import purge
from models.failpoint import VARIABLE
from models.tables import Arrival, ArrivalInstance, Association, HeldObject, Instance, now
from tests.database import Postgres
from tests.eventually import eventually
from tests.ingest.filling import Filling, small_ct

ROOT = Path(__file__).parents[2]


@contextmanager
def ingest_process(filling: Filling, failpoint: str = "") -> Iterator[subprocess.Popen[bytes]]:
    url = filling.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.ingest.run_ingest", url]
    process = subprocess.Popen(
        [*command, str(filling.spool.root), str(filling.archive.root)], cwd=ROOT, env=os.environ | {VARIABLE: failpoint}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def digests(filling: Filling) -> list[str]:
    with filling.database.begin() as session:
        return [*session.scalars(select(Instance.sha256)), *session.scalars(select(HeldObject.sha256))]


@pytest.mark.parametrize("point", ["ingest-archived", "ingest-committed", "ingest-forgotten"])
def test_a_kill_at_any_step_loses_and_doubles_nothing(filling: Filling, point: str) -> None:
    association = filling.open()
    filling.keep(association, *(small_ct(n) for n in range(1, 31)), small_ct(1, PixelData=bytes(128)), b"?" * 200)
    filling.close(association)
    for _ in range(2):
        with ingest_process(filling, point) as doomed:
            assert doomed.wait(60) == 137
    # What was taken stays one arrival, even if that was closed while ingest was away.
    with filling.database.begin() as session:
        for arrival in session.scalars(select(Arrival)):
            arrival.sealed_at = now()
    with ingest_process(filling):
        eventually(lambda: not filling.spool.ready() and not filling.spool.events(), timeout=60)
    assert len(digests(filling)) == 32
    with filling.database.begin() as session:
        members = session.scalars(select(ArrivalInstance.instance_id)).all()
        assert len(members) == len(set(members)) == 30
        assert session.scalars(select(Association)).one().ended_at is not None
        for instance in session.scalars(select(Instance)):
            assert instance.key is not None
            filling.archive.verify(instance.key, instance.sha256)


def test_a_database_that_goes_away_in_between_loses_nothing(
    filling: Filling, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom_edge.ingest.COME_BACK", 0.1)
    name = filling.database.engine.url.database
    association = filling.open()
    filling.keep(association, *(small_ct(n) for n in range(1, 31)))
    put = type(filling.archive).put_group
    groups = iter(range(100))

    def cut(self: object, *arguments: object, **options: object) -> object:
        found = put(self, *arguments, **options)  # type: ignore[arg-type]
        if next(groups) == 1:
            # The second group is in the archive when the database refuses everybody.
            postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test%'")
        return found

    monkeypatch.setattr(type(filling.archive), "put_group", cut)
    stop = threading.Event()
    running = threading.Thread(target=filling.ingest.run, args=(stop,))
    running.start()
    try:
        eventually(lambda: next(iter(filling.spool.ready()), None) and len(filling.spool.ready()) == 5)
        filling.keep(association, small_ct(31))
        assert len(filling.spool.ready()) == 6
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        eventually(lambda: not filling.spool.ready())
    finally:
        stop.set()
        running.join()
    assert len(set(digests(filling))) == 31


def test_a_statement_that_is_cut_off_is_tried_again(filling: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that dies within the transaction is no reason to hold what it carried."""
    hold_off, cuts = purge.hold_off_purge, iter([True])

    def dying(session: Session) -> None:
        hold_off(session)
        if next(cuts, False):
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    monkeypatch.setattr("dicom_edge.ingest.hold_off_purge", dying)
    monkeypatch.setattr("dicom_edge.ingest.COME_BACK", 0.05)
    filling.keep(filling.open(), small_ct(1))
    stop = threading.Event()
    running = threading.Thread(target=filling.ingest.run, args=(stop,))
    running.start()
    try:
        eventually(lambda: not filling.spool.ready())
    finally:
        stop.set()
        running.join()
    with filling.database.begin() as session:
        assert session.scalars(select(HeldObject)).all() == []
        assert session.scalars(select(Instance)).one()
