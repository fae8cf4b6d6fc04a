"""Every page says that the engine is away, without asking it: the relay keeps that known on its host."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from temporalio.converter import DataConverter

from models.db import Database
from models.domain.contracts import CommandKind
from models.presence import ENGINE, LOOKED_FOR, Presence
from models.tables import OutboxCommand
from processes import MOVING, not_running, run_relay
from settings import Settings
from temporal import watch
from temporal.gateway import SAVED, Gateway
from temporal.relay import Relay
from temporal.watch import Watch
from tests.database import Registry
from tests.engine import free_port
from tests.eventually import eventually
from tests.workflows.test_gateway import saved

PARTS = ",".join(MOVING)


class Engine:
    """Answers, or not, or is in such trouble that asking fails."""

    answers: bool | Exception = True

    def is_ready(self) -> bool:
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


@pytest.fixture
def here(tmp_path: Path) -> Presence:
    """As seen by the web pages: every part lives."""
    parts = Presence(tmp_path)
    for part in MOVING:
        parts.announce(part)
    return parts


def test_an_engine_that_is_away_is_told_and_no_more_when_it_is_back(here: Presence) -> None:
    engine = Engine()
    looking = Watch(engine, Presence(here.folder))  # type: ignore[arg-type]
    looking.look()
    assert not_running(here, PARTS) == []
    engine.answers = False
    looking.look()
    looking.look()
    assert not_running(here, PARTS) == ["engine"]
    engine.answers = True
    looking.look()
    looking.look()
    assert not_running(here, PARTS) == []


def test_an_engine_is_missed_while_somebody_looks_for_it_in_vain(here: Presence) -> None:
    """Then no decision waits for it; where nobody knows, it is asked."""
    engine = Engine()
    looking = Watch(engine, Presence(here.folder))  # type: ignore[arg-type]

    def is_missed() -> bool:
        return here.is_missed(ENGINE, by="relay")

    assert not is_missed(), "nobody has looked yet"
    engine.answers = False
    looking.look()
    assert is_missed()
    engine.answers = True
    looking.look()
    assert not is_missed()
    engine.answers = False
    looking.look()
    here.withdraw("relay")
    assert not is_missed(), "who looked has ended"
    here.announce("relay")
    assert is_missed()
    (looked,) = here.folder.glob("engine.missed")
    long_ago = looked.stat().st_mtime - LOOKED_FOR.total_seconds() - 1
    os.utime(looked, (long_ago, long_ago))
    assert not is_missed(), "who looked hangs"


def test_an_engine_that_is_missed_is_not_waited_for(database: Database, registry: Registry) -> None:
    missed = [True]
    gateway = Gateway(
        f"127.0.0.1:{free_port()}", "default", DataConverter.default, timeout=0.1, is_missed=lambda: missed[0]
    )
    hold = saved(database, CommandKind.HOLD_NODE, "1-node")
    assert gateway.try_now(database, hold.id) == SAVED
    assert gateway._loop is None, "nothing was asked"
    with database.begin() as session:
        row = session.get_one(OutboxCommand, hold.id)
        row.delivered_at, row.refusal = row.created_at, "It is held already."
    assert gateway.try_now(database, hold.id) == "It is held already.", "a second click answers like the first"
    missed[0] = False
    other = saved(database, CommandKind.RESUME_NODE, "1-node")
    assert gateway.try_now(database, other.id) == SAVED
    assert gateway._loop is not None, "where nobody knows it is asked"
    gateway.close()


def test_what_goes_wrong_in_looking_does_not_end_it(here: Presence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.01)
    engine, stop = Engine(), threading.Event()
    engine.answers = OSError("no descriptor is free")
    looking = threading.Thread(
        target=Watch(engine, Presence(here.folder)).run,  # type: ignore[arg-type]
        args=(stop,),
    )
    looking.start()
    try:
        engine.answers = True
        eventually(lambda: not_running(here, PARTS) == [], timeout=5)
    finally:
        stop.set()
        looking.join()


def test_a_relay_that_is_away_says_nothing_about_the_engine(here: Presence) -> None:
    here.withdraw("relay")
    assert not_running(here, PARTS) == ["relay"]
    assert not_running(here, "web,ingest") == [], "the relay runs on another host"


def test_a_relay_that_fails_leaves_no_half_process_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With its watch still running it would count as present, and nothing would start it again."""

    def fails(self: Relay, stop: threading.Event) -> None:
        raise ValueError

    ended = threading.Event()
    monkeypatch.setattr(Relay, "run", fails)
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.01)
    monkeypatch.setattr("processes._until_told", threading.Event)
    monkeypatch.setattr("processes.database", lambda settings: None)
    door = SimpleNamespace(is_ready=lambda: True, also={}, close=ended.set)
    monkeypatch.setattr("processes._gateway", lambda settings: door)

    def whole_process() -> None:
        with pytest.raises(ValueError):
            run_relay(Settings(var=tmp_path))

    process = threading.Thread(target=whole_process, daemon=True)
    process.start()
    process.join(20)
    assert ended.is_set()
    assert not process.is_alive()
    assert not [one for one in threading.enumerate() if one.name == "watch"]
