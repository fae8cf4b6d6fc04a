"""Every night the exchange purges by itself: a schedule at the engine, however often it is arranged."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta

import pytest
from temporalio.client import Client, ScheduleDescription
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.purging import PurgeActivities
from temporal.gateway import Gateway
from temporal.nightly import PURGE, Nightly
from temporal.relay import Relay
from temporal.worker import ALL_WORKFLOWS, runner
from tests.activities.conftest import filling, parcels
from tests.activities.parcels import Parcels
from tests.activities.test_purge import end, files
from tests.engine import Server
from tests.ingest.filling import next_study, small_ct
from tests.workflows.test_gateway import beside
from workflows.policies import WORKFLOWS

__all__ = ["filling", "parcels"]

AT_HALF_PAST_TWO = Nightly(time(2, 30), 14)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("engine"))
    yield made
    made.close()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    made = await server.client()
    yield made
    await Nightly(time(), 0).arrange(made)


async def schedule(client: Client) -> ScheduleDescription:
    return await client.get_schedule_handle(PURGE).describe()


async def test_what_was_confirmed_long_ago_is_removed_by_the_schedule(client: Client, parcels: Parcels) -> None:
    end(parcels, parcels.release(small_ct(1), small_ct(2)), days_ago=15)
    end(parcels, parcels.release(small_ct(3, StudyInstanceUID=next_study())), days_ago=13)
    await AT_HALF_PAST_TWO.arrange(client)
    with ThreadPoolExecutor(1) as threads:
        async with Worker(
            client,
            task_queue=WORKFLOWS,
            workflows=ALL_WORKFLOWS,
            activities=[PurgeActivities(parcels.database, parcels.archive).purge],
            activity_executor=threads,
            workflow_runner=runner(),
        ):
            await client.get_schedule_handle(PURGE).trigger()
            while not (begun := (await schedule(client)).info.recent_actions):
                await asyncio.sleep(0.05)
            assert await client.get_workflow_handle(begun[0].action.workflow_id).result() == 2  # type: ignore[attr-defined]
    assert files(parcels) == 1


async def test_arranged_again_it_is_one_schedule_at_the_new_time(client: Client) -> None:
    for nightly in (AT_HALF_PAST_TWO, AT_HALF_PAST_TWO, Nightly(time(4, 15), 30)):
        await nightly.arrange(client)
    (at,) = (await schedule(client)).schedule.spec.calendars
    assert ([one.start for one in at.hour], [one.start for one in at.minute]) == ([4], [15])
    assert [one.id async for one in await client.list_schedules()] == [PURGE]
    (next_time, *_) = (await schedule(client)).info.next_action_times
    assert f"{next_time:%H:%M}" == "04:15"


async def test_what_a_person_has_paused_stays_paused(client: Client) -> None:
    await AT_HALF_PAST_TWO.arrange(client)
    await client.get_schedule_handle(PURGE).pause()
    await AT_HALF_PAST_TWO.arrange(client)
    assert (await schedule(client)).schedule.state.paused


async def test_with_no_days_there_is_none(client: Client) -> None:
    await AT_HALF_PAST_TWO.arrange(client)
    for _ in range(2):
        await Nightly(time(2, 30), 0).arrange(client)
    with pytest.raises(RPCError) as error:
        await schedule(client)
    assert error.value.status is RPCStatusCode.NOT_FOUND


async def test_a_running_relay_arranges_it(client: Client, server: Server, parcels: Parcels) -> None:
    gateway = Gateway(server.address, "default", DataConverter.default)
    relay = Relay(parcels.database, gateway, AT_HALF_PAST_TWO)
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(RPCError):
                    assert (await schedule(client)).schedule.policy.catchup_window == timedelta(hours=6)
                    break
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await beside(thread.join)
        gateway.close()
