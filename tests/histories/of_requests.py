"""The courses of requests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client

from models.domain.contracts import RouteVerdict
from models.domain.request_contracts import RequestOutlook, RequestStart, StudyMatched
from tests.histories.moves import NO_ROUTE, OFFICER, arrive, delivery_of, until
from tests.workflows.fakes import World
from tests.workflows.gate import Gate
from workflows.image_request import ImageRequest
from workflows.policies import WORKFLOWS
from workflows.study_arrival import StudyArrival


async def asked(client: Client, world: World, studies: int = 1) -> Any:
    """Place a request as the relay does; its source has been told."""
    world.studies = studies
    handle = await client.start_workflow(
        ImageRequest.run, RequestStart(world.asked_id), id=f"request-{world.asked_id}", task_queue=WORKFLOWS
    )
    await until(lambda: "request-placed" in world.told)
    return handle


async def offered(client: Client, world: World) -> Any:
    """A study comes that certainly answers the request, and names no destination."""
    matches = (world.asked_id,)
    world.answers["route"] = RouteVerdict(reason=NO_ROUTE.reason, detail=NO_ROUTE.detail, matches=matches)
    return await arrive(client, world)


async def request_accepted(client: Client, world: World) -> None:
    handle = await asked(client, world)
    await handle.execute_update(ImageRequest.accept, OFFICER)
    await (await offered(client, world)).result()
    await delivery_of(client, world).result()
    world.delivered = 1
    await handle.signal(ImageRequest.delivery_moved)
    await handle.result()


async def request_declined(client: Client, world: World) -> None:
    handle = await asked(client, world)
    await handle.execute_update(ImageRequest.ask_back, OFFICER)
    await handle.execute_update(ImageRequest.reply, OFFICER)
    await handle.execute_update(ImageRequest.decline, OFFICER)
    await handle.result()


async def request_expired(client: Client, world: World) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    reminder = RequestOutlook(soon, soon - timedelta(seconds=1), remind_requester=True)
    world.answers["request_outlook"], world.answers["reminded"] = reminder, RequestOutlook(soon)
    await (await asked(client, world)).result()


async def request_withdrawn_against_match(client: Client, world: World) -> None:
    handle = await asked(client, world)
    written = Gate()
    world.answers["record"] = lambda steps: written(steps) if steps[0].lifecycle == "request" else None
    withdrawing = asyncio.create_task(handle.execute_update(ImageRequest.withdraw, OFFICER))
    await written.reached.wait()
    arrival = await offered(client, world)
    await until(lambda: "route" in world.done)
    written.opened.set()
    await withdrawing
    await handle.result()
    await until(lambda: "arrival-held" in world.told)
    world.answers["record"] = None
    await arrival.execute_update(StudyArrival.refuse, OFFICER)
    await arrival.result()


async def request_of_several_studies(client: Client, world: World) -> None:
    handle = await asked(client, world, studies=3)
    world.answers["route"] = NO_ROUTE
    arrival = await arrive(client, world)
    await until(lambda: "arrival-held" in world.told)
    await arrival.execute_update(StudyArrival.match, OFFICER)
    await arrival.result()
    await handle.execute_update(ImageRequest.decline_study, OFFICER)
    await handle.signal(ImageRequest.study_matched, StudyMatched("another"))
    await until(lambda: "request-answered" in world.told)
    # One was refused at the destination's worklist, then the other as well: all is asked for again.
    world.failed = 2
    await handle.signal(ImageRequest.delivery_moved)
    await until(lambda: "request-reopened" in world.told)
    await handle.execute_update(ImageRequest.withdraw, OFFICER)
    await handle.result()
