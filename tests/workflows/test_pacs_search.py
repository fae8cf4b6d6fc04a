"""A search of the own PACS through a real engine: the web's command, the workflow, and the wait for its answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from activities.pacs_search import PacsSearchActivities
from models.db import Database
from models.domain.pacs_search import Criteria
from models.outbox import next_due
from models.searches import KEPT_FOR, ask
from models.tables import PacsSearch, new_id, now
from temporal.gateway import SAVED, Gateway
from temporal.relay import Relay
from temporal.worker import ALL_WORKFLOWS, runner
from tests.activities.asked_pacs import Answers, AskedPacs, Searcher, asked_pacs, study, uids
from tests.database import Registry
from tests.engine import Server, free_port
from tests.workflows.test_gateway import beside
from workflows.policies import WORKFLOWS

AGNES = Criteria(family_name="Example", birth_date="19510203")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("engine"))
    yield made
    made.close()


@pytest.fixture
async def working(server: Server, database: Database) -> AsyncIterator[Client]:
    """A worker of an engine of its own, with the real activity."""
    client = await server.client()
    with ThreadPoolExecutor(2) as threads:
        async with Worker(
            client,
            task_queue=WORKFLOWS,
            workflows=ALL_WORKFLOWS,
            activities=[PacsSearchActivities(database).search],
            activity_executor=threads,
            workflow_runner=runner(),
            max_heartbeat_throttle_interval=timedelta(seconds=0.2),
        ):
            yield client


@pytest.fixture
def gateway(server: Server) -> Iterator[Gateway]:
    made = Gateway(server.address, "default", DataConverter.default, timeout=3.0)
    yield made
    made.close()


@pytest.fixture
def searcher(database: Database, registry: Registry) -> Searcher:
    return Searcher(database, registry)


def asked(searcher: Searcher, command_id: str = "") -> tuple[str, str]:
    """The ids of a search and of its command."""
    command_id = command_id or new_id()
    with searcher.database.begin() as session:
        search_id = ask(
            session, institution_id="ZX1", account_id=searcher.account_id, node_id=searcher.node_id, criteria=AGNES,
            command_id=command_id,
        )  # fmt: skip
    return search_id, command_id


def found(searcher: Searcher, search_id: str) -> PacsSearch:
    with searcher.database.begin() as session:
        search = session.get_one(PacsSearch, search_id)
        assert len(search.hits) >= 0
        return search


async def test_the_answer_is_there_when_the_wait_is_over(
    working: Client, gateway: Gateway, searcher: Searcher, database: Database
) -> None:
    with asked_pacs(lambda pacs, event: iter([(0xFF00, study())])) as pacs:
        searcher.set_node(pacs.port)
        search_id, command_id = asked(searcher)
        assert await beside(gateway.try_now, database, command_id) == ""
        await beside(gateway.await_end, f"search-{search_id}")
        assert uids(found(searcher, search_id)) == ["2.25.771"]
        # The relay may carry a command once more whose answer it has not seen.
        with database.begin() as session:
            assert next_due(session) is None
        assert len(pacs.asked) == 1
    history = await working.get_workflow_handle(f"search-{search_id}").fetch_history()
    for secret in ("EXAMPLE", "Example", "2.25.771", "19510203"):
        assert secret not in history.to_json(), "references alone cross to the engine"


async def test_a_slow_pacs_does_not_hold_the_page(
    working: Client, gateway: Gateway, searcher: Searcher, database: Database
) -> None:
    def answer(pacs: AskedPacs, event: Any) -> Answers:
        while not pacs.cancelled:
            time.sleep(0.05)
        yield 0xFF00, study()

    gateway.timeout = 0.5
    with asked_pacs(answer) as pacs:
        searcher.set_node(pacs.port, dimse_timeout=20.0)
        search_id, command_id = asked(searcher)
        await beside(gateway.try_now, database, command_id)
        await beside(gateway.await_end, f"search-{search_id}")
        assert found(searcher, search_id).state == "asking"
        pacs.cancelled = True
        assert await working.get_workflow_handle(f"search-{search_id}").result() == "answered"
    assert uids(found(searcher, search_id)) == ["2.25.771"]


async def test_what_is_forgotten_meanwhile_is_not_asked(
    working: Client, gateway: Gateway, searcher: Searcher, database: Database
) -> None:
    with asked_pacs(lambda pacs, event: iter(())) as pacs:
        searcher.set_node(pacs.port)
        search_id, command_id = asked(searcher)
        with database.begin() as session:
            session.get_one(PacsSearch, search_id).asked_at = now() - KEPT_FOR
        Relay(database, gateway).forget()
        await beside(gateway.try_now, database, command_id)
        assert await working.get_workflow_handle(f"search-{search_id}").result() == "forgotten"
        assert pacs.asked == []


async def test_with_the_engine_away_it_is_saved(searcher: Searcher, database: Database) -> None:
    away = Gateway(f"127.0.0.1:{free_port()}", "default", DataConverter.default, timeout=0.5)
    search_id, command_id = asked(searcher)
    assert await beside(away.try_now, database, command_id) == SAVED
    assert found(searcher, search_id).state == "asking"
    away.close()
