"""The relay while the engine is away, or has much to be asked about: nothing that can be done waits for the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import func, select
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from models.db import Database
from models.domain.contracts import CommandKind, DeliveryStart
from models.domain.errors import PeerUnreachable
from models.searches import KEPT_FOR
from models.tables import Node, OutboxCommand, PacsSearch, now
from temporal.relay import Relay
from temporal.still_running import still_running
from tests.database import Registry
from tests.eventually import eventually
from tests.workflows.fakes import World
from tests.workflows.rows import command, delivering


class Engine:
    """It has forgotten every workflow. `said`: what it was asked about, and told to do, in order."""

    def __init__(self, asked: Callable[[str], None], told: Callable[[], None]) -> None:
        self.said: list[str] = []
        self.started: list[str] = []
        self.refused: set[str] = set()
        self._asked, self._told = asked, told

    def running(self, workflow_ids: Collection[str]) -> set[str]:
        for workflow_id in workflow_ids:
            self.said.append(workflow_id)
            self._asked(workflow_id)
        return set()

    def outcome(self, command: OutboxCommand) -> str:
        self.said.append("a command")
        self._told()
        return ""

    def start(self, start: DeliveryStart) -> None:
        if start.delivery_id in self.refused:
            raise PeerUnreachable("The engine is not answering.")
        self.started.append(start.delivery_id)


def away(workflow_id: str) -> None:
    raise PeerUnreachable("The engine is not answering.")


@contextmanager
def running(
    database: Database, asked: Callable[[str], None], told: Callable[[], None] = lambda: None
) -> Iterator[Engine]:
    engine, stop = Engine(asked, told), threading.Event()
    thread = threading.Thread(target=Relay(database, engine).run, args=(stop,))  # type: ignore[arg-type]
    thread.start()
    try:
        yield engine
    finally:
        stop.set()
        thread.join()


@pytest.fixture(autouse=True)
def one_at_a_time(database: Database, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unfinished are three deliveries; the engine is asked about one at a look."""
    monkeypatch.setattr("temporal.relay.LOOK_AT_ONCE", 1)
    monkeypatch.setattr("temporal.relay.COME_BACK", 0.01)
    with database.begin() as session:
        for node in session.scalars(select(Node)):
            node.host = ""
        for number in "123":
            delivering(session, registry, World(number), state="needs-attention")


def test_what_names_patients_is_forgotten_while_the_engine_is_away(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        session.add(
            PacsSearch(
                institution_id="ZX2", account_id=next(iter(registry.accounts.values())), criteria={},
                node_id=registry.nodes["ZX2_PACS"], asked_at=now() - KEPT_FOR,
            )
        )  # fmt: skip

    def forgotten() -> bool:
        with database.begin() as session:
            return session.scalar(select(func.count()).select_from(PacsSearch)) == 0

    with running(database, away):
        eventually(forgotten, 10)


def test_what_cannot_be_looked_at_stops_none_that_follows(database: Database) -> None:
    def the_first_is_trouble(workflow_id: str) -> None:
        if workflow_id == engine.said[0]:
            away(workflow_id)

    with running(database, the_first_is_trouble) as engine:
        eventually(lambda: len(engine.started) == 2, 10)


def test_commands_are_carried_between_what_the_engine_is_asked(database: Database) -> None:
    def somebody_decides(workflow_id: str) -> None:
        with database.begin() as session:
            command(session, CommandKind.RETRY_DELIVERY, workflow_id)

    with running(database, somebody_decides) as engine:
        eventually(lambda: engine.said.count("a command") == 3, 10)
    assert engine.said[1::2] == ["a command"] * 3
    assert len(set(engine.said[::2])) == 3


def test_a_sweep_that_takes_longer_comes_to_its_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal.relay.SWEEP_EVERY", 0.0)
    with running(database, away) as engine:
        eventually(lambda: len(set(engine.said)) == 3, 10)


def test_commands_without_end_keep_the_rest_from_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal.relay.CARRY_FOR", 0.1)

    def one_more() -> None:
        if not engine.started:
            with database.begin() as session:
                command(session, CommandKind.RETRY_DELIVERY, "1-delivery")

    with running(database, lambda workflow_id: None, one_more) as engine:
        one_more()
        eventually(lambda: len(engine.started) == 3, 10)


@pytest.mark.parametrize("refused", [{"1-delivery"}, {"1-delivery", "2-delivery", "3-delivery"}])
def test_what_cannot_be_started_holds_up_nothing_of_its_batch(
    database: Database, registry: Registry, monkeypatch: pytest.MonkeyPatch, refused: set[str]
) -> None:
    monkeypatch.setattr("temporal.relay.LOOK_AT_ONCE", 32)
    with database.begin() as session:
        delivering(session, registry, World("4"), state="needs-attention")
    engine = Engine(lambda workflow_id: None, lambda: None)
    engine.refused = refused
    relay = Relay(database, engine)  # type: ignore[arg-type]
    for _ in range(2):
        # Of the engine or of this row: that cannot be told, so it is said each time.
        with pytest.raises(PeerUnreachable):
            relay.sweep()
    assert {"1-delivery", "2-delivery", "3-delivery", "4-delivery"} - refused == set(engine.started)


def test_an_engine_that_is_away_is_not_asked_to_start_a_whole_batch(
    database: Database, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal.relay.LOOK_AT_ONCE", 32)
    tried: list[str] = []

    class Away(Engine):
        def start(self, start: DeliveryStart) -> None:
            tried.append(start.delivery_id)
            away(start.delivery_id)

    with database.begin() as session:
        delivering(session, registry, World("4"), state="needs-attention")
    with pytest.raises(PeerUnreachable):
        Relay(database, Away(lambda workflow_id: None, lambda: None)).sweep()  # type: ignore[arg-type]
    assert len(tried) == 3


class Doubtful:
    """A client: of the workflow "unsaid" the engine does not answer."""

    def get_workflow_handle(self, workflow_id: str) -> Doubtful:
        return self if workflow_id == "runs" else Silent() if workflow_id == "unsaid" else Ended()

    async def describe(self, rpc_timeout: timedelta) -> Any:
        return SimpleNamespace(close_time=None)


class Silent(Doubtful):
    async def describe(self, rpc_timeout: timedelta) -> Any:
        raise RPCError("deadline exceeded", RPCStatusCode.DEADLINE_EXCEEDED, b"")


class Ended(Doubtful):
    async def describe(self, rpc_timeout: timedelta) -> Any:
        return SimpleNamespace(close_time=now())


async def test_one_workflow_of_which_the_engine_says_nothing_hides_no_other() -> None:
    client, patience = cast(Client, Doubtful()), timedelta(seconds=1)
    assert await still_running(client, ["runs", "unsaid", "ended"], patience) == {"runs", "unsaid"}
    with pytest.raises(RPCError):
        await still_running(client, ["unsaid"], patience)
