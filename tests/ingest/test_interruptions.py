"""Ingest is killed at each step, and its database goes away: nothing that was acknowledged is lost, nothing doubled."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dicom_edge.endings import take_facts
from dicom_edge.facts import CommitmentAsked
from dicom_edge.ingest import Ingest
from dicom_edge.spool import Spool
from models import purge
from models.archive import FolderArchive, Stored
from models.failpoint import VARIABLE
from models.same_object import Sameness
from models.tables import Arrival, ArrivalInstance, Association, CommitmentRequest, HeldObject, Instance, now
from processes import run_ingest
from settings import Settings
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
    groups, refused = iter(range(100)), threading.Event()

    def cut(self: object, *arguments: object, **options: object) -> object:
        found = put(self, *arguments, **options)  # type: ignore[arg-type]
        if next(groups) == 1:
            # The second group is in the archive when the database refuses everybody.
            postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test%'")
            refused.set()
        return found

    monkeypatch.setattr(type(filling.archive), "put_group", cut)
    stop = threading.Event()
    running = threading.Thread(target=filling.ingest.run, args=(stop,))
    running.start()
    try:
        eventually(lambda: next(iter(filling.spool.ready()), None) and len(filling.spool.ready()) == 5)
        filling.keep(association, small_ct(31))
        assert len(filling.spool.ready()) == 6
        assert refused.wait(30)
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


def test_a_database_that_only_reads_loses_no_fact(filling: Filling, postgres: Postgres) -> None:
    """After a failover to a standby that is not promoted yet: nothing can be written, and nothing is wrong with it."""
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.ingest.round()
    filling.ask(association, "2.25.10001")
    filling.keep(association, small_ct(2))
    name = filling.database.engine.url.database
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    filling.database.engine.dispose()
    with pytest.raises(SQLAlchemyError):
        filling.ingest.round()
    with pytest.raises(SQLAlchemyError):
        take_facts(filling.database, filling.spool, filling.spool.events())
    assert [type(event.fact) for event in filling.spool.events()] == [CommitmentAsked]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
    filling.database.engine.dispose()
    filling.ingest.round()
    with filling.database.begin() as session:
        assert session.scalars(select(CommitmentRequest)).one()
        assert len(session.scalars(select(Instance)).all()) == 2
        assert session.scalars(select(HeldObject)).all() == []


def test_one_file_that_cannot_be_read_keeps_nothing_else_waiting(
    filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    association, other = filling.open(), filling.open()
    filling.keep(association, *(small_ct(n) for n in range(1, 6)))
    filling.close(association)
    bad = filling.spool.ready()[2].path
    put = type(filling.archive).put_group

    def failing(self: FolderArchive, paths: Sequence[Path], *, synced: bool = False) -> list[Stored]:
        if bad in paths:
            raise OSError(errno.EIO, "Input/output error")
        return put(self, paths, synced=synced)

    monkeypatch.setattr(FolderArchive, "put_group", failing)
    assert filling.ingest.round() == 4
    filling.keep(other, small_ct(6))
    filling.close(other)
    assert filling.ingest.round() == 1
    with filling.database.begin() as session:
        ended = {one.id: one.ended_at for one in session.scalars(select(Association))}
    assert ended[association] is None, "its end waits for all of its objects"
    assert ended[other] is not None
    monkeypatch.undo()
    assert filling.ingest.round() == 1
    assert len(digests(filling)) == 6
    with filling.database.begin() as session:
        assert session.get_one(Association, association).ended_at is not None
    assert filling.spool.ready() == []


def test_comparisons_come_after_everything_else_and_not_all_at_once(
    filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    filling.bring(*(small_ct(n) for n in range(1, 4)))
    association = filling.open()
    filling.keep(association, *(small_ct(n, PixelData=bytes(128)) for n in range(1, 4)), small_ct(4))
    filling.close(association)
    seen: list[int] = []

    def slow(first: Path, second: Path) -> Sameness:
        seen.append(len(digests(filling)))
        return Sameness.OTHER_PIXELS

    monkeypatch.setattr("dicom_edge.ingest.compare", slow)
    monkeypatch.setattr("dicom_edge.ingest.COMPARING", -1)
    assert filling.ingest.round() == 1
    assert (len(digests(filling)), seen) == (4, [])
    monkeypatch.setattr("dicom_edge.ingest.COMPARING", 60)
    assert filling.ingest.round() == 3
    assert seen == [4, 5, 6]
    assert filling.spool.ready() == []


def test_a_spool_that_cannot_be_listed_for_a_moment_is_looked_at_again(
    filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom_edge.ingest.COME_BACK", 0.05)
    is_empty, troubles = Spool.is_empty, iter([errno.EMFILE, errno.EIO, errno.ESTALE])

    def troubled(self: Spool) -> bool:
        trouble = next(troubles, None)
        if trouble is not None:
            raise OSError(trouble, os.strerror(trouble))
        return is_empty(self)

    monkeypatch.setattr(Spool, "is_empty", troubled)
    filling.keep(filling.open(), small_ct(1))
    stop = threading.Event()
    running = threading.Thread(target=filling.ingest.run, args=(stop,))
    running.start()
    try:
        eventually(lambda: not filling.spool.ready(), 10)
    finally:
        stop.set()
        running.join()


def test_an_ingest_that_fails_leaves_no_half_process_behind(
    filling: Filling, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With its announcer still running it would count as present, and nothing would start it again."""

    def fails(self: Ingest, stop: threading.Event) -> None:
        raise ValueError

    monkeypatch.setattr(Ingest, "run", fails)
    monkeypatch.setattr("processes._until_told", threading.Event)
    monkeypatch.setattr("processes.database", lambda settings: filling.database)
    monkeypatch.setattr("processes._gateway", lambda settings: SimpleNamespace(announce=None, close=lambda: None))
    ended: list[str] = []

    def whole_process() -> None:
        with pytest.raises(ValueError):
            run_ingest(Settings(var=tmp_path))
        ended.append("with its error")

    threading.Thread(target=whole_process, daemon=True).start()
    eventually(lambda: ended, 10)
    assert "announcer" not in [thread.name for thread in threading.enumerate()]
