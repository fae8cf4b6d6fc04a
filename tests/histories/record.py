"""Records the histories that every test run replays: python -m tests.histories.record [COURSE ...]

Run it again only for an intended change of a workflow's course, and commit its files by themselves with the reason.
Everything in them is made up; names of machines and people do not come into them.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from models.domain.commitment_contracts import Answer, CommitmentStart
from models.domain.contracts import (
    ArrivalOutlook,
    Comparison,
    DowntimePlan,
    Listing,
    NodeFacts,
    NodeStart,
    Sealed,
    SendReport,
    Verdict,
)
from models.domain.lifecycles.delivery import State
from temporal.worker import ALL_WORKFLOWS, runner
from tests.engine import Server
from tests.histories.moves import NO_ROUTE, OFFICER, arrive, delivery_of, until
from tests.histories.of_requests import (
    request_accepted,
    request_declined,
    request_expired,
    request_of_several_studies,
    request_withdrawn_against_match,
)
from tests.histories.of_transfers import (
    sheet_placed,
    transfer_fulfilled,
    transfer_parked_and_retried,
    transfer_withdrawn,
)
from tests.workflows.fakes import Fakes, World
from tests.workflows.gate import Gate
from workflows.commitment_answer import CommitmentAnswer
from workflows.delivery import Delivery
from workflows.node_health import NodeHealth
from workflows.policies import BULK, URGENT, WORKFLOWS
from workflows.study_arrival import StudyArrival

FOLDER = Path(__file__).parent
DAY = timedelta(days=1)


async def routed(client: Client, world: World) -> None:
    world.answers["outlook"] = ArrivalOutlook(source_can_be_asked=True, wait_seconds=0.2)
    await (await arrive(client, world)).result()
    await delivery_of(client, world).result()


async def forwarded(client: Client, world: World) -> None:
    world.answers["outlook"] = ArrivalOutlook(delivery_id=world.delivery_id)
    sending = world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    await (await arrive(client, world)).result()
    sending.opened.set()
    await delivery_of(client, world).result()


async def held_and_assigned(client: Client, world: World) -> None:
    world.answers["route"] = [NO_ROUTE, world.answers["route"]]
    handle = await arrive(client, world)
    await until(lambda: "arrival-held" in world.told)
    await handle.execute_update(StudyArrival.assign, OFFICER)
    await handle.result()
    await delivery_of(client, world).result()


async def held_and_refused(client: Client, world: World) -> None:
    world.answers["outlook"] = ArrivalOutlook(warning="The AE title OTHER is not registered, its address is.")
    world.answers["route"] = NO_ROUTE
    handle = await arrive(client, world)
    await until(lambda: "arrival-held" in world.told)
    await handle.execute_update(StudyArrival.refuse, OFFICER)
    await handle.result()


async def contradicted(client: Client, world: World) -> None:
    world.answers["outlook"] = ArrivalOutlook(delivery_id=world.delivery_id)
    world.answers["route"] = [NO_ROUTE, world.answers["route"]]
    sending = world.answers["send"] = Gate(SendReport(1, 3, "The images name two patients."), beating=True)
    handle = await arrive(client, world)
    await until(lambda: "arrival-held" in world.told)
    sending.opened.set()
    await until(lambda: "delivery-parked" in world.told)
    await handle.execute_update(StudyArrival.assign, OFFICER)
    await handle.result()
    await delivery_of(client, world).execute_update(Delivery.abandon, OFFICER)
    await delivery_of(client, world).result()


async def parked_and_retried(client: Client, world: World) -> None:
    world.answers["send"] = [SendReport(1, 3, "It refused images: 2 not supported."), SendReport(3, 3)]
    await (await arrive(client, world)).result()
    await until(lambda: "delivery-parked" in world.told)
    await delivery_of(client, world).execute_update(Delivery.retry, OFFICER)
    await delivery_of(client, world).result()


async def converted_and_left_out(client: Client, world: World) -> None:
    """One image is taken uncompressed, another not at all."""
    world.answers["send"] = [
        SendReport(1, 3, "It did not take 2."),
        SendReport(2, 3, "It did not take 1."),
        SendReport(2, 3),
    ]
    world.answers["compare"] = Comparison(Verdict.CONFIRMED, 2, 2, left_out=1)
    await (await arrive(client, world)).result()
    await until(lambda: world.told == ["delivery-parked"])
    await delivery_of(client, world).execute_update(Delivery.convert, OFFICER)
    await until(lambda: world.told == ["delivery-parked"] * 2)
    await delivery_of(client, world).execute_update(Delivery.leave_out, OFFICER)
    await delivery_of(client, world).result()


async def redirected(client: Client, world: World) -> None:
    sending = Gate(SendReport(3, 3), beating=True)
    world.answers["send"] = [sending, SendReport(3, 3)]
    different = Comparison(Verdict.DIFFERENT, 3, 3, "It gives another PatientID.")
    world.answers["compare"] = [different, Comparison(Verdict.CONFIRMED, 3, 3)]
    await (await arrive(client, world)).result()
    await sending.reached.wait()
    await delivery_of(client, world).execute_update(Delivery.redirect, OFFICER)
    await until(lambda: "delivery-parked" in world.told)
    await delivery_of(client, world).execute_update(Delivery.retry, OFFICER)
    await delivery_of(client, world).result()


async def supplement(client: Client, world: World) -> None:
    """Late images: not complete at first, and a destination where a person releases and the images turn up late."""
    world.answers["seal"] = [Sealed(False, wait_seconds=30), Sealed(False, wait_seconds=0.2), Sealed(True, "2 of 2.")]
    world.answers["list"] = Listing(False, "")
    missing = Comparison(Verdict.MISSING, 1, 2, "It lists 1 of 2 images.")
    world.answers["compare"] = [missing, Comparison(Verdict.CONFIRMED, 2, 2)]
    await (await arrive(client, world)).result()
    await until(lambda: "delivery-on-worklist" in world.told)
    await delivery_of(client, world).execute_update(Delivery.release, OFFICER)
    await delivery_of(client, world).result()


async def reassigned_and_released(client: Client, world: World) -> None:
    """Where it waits, and whose the local ID is, is looked up before either decision counts."""
    world.answers["list"] = Listing(False, "")
    await (await arrive(client, world)).result()
    delivery = delivery_of(client, world)
    await until(lambda: "delivery-on-worklist" in world.told)
    await delivery.execute_update(Delivery.reassign, replace(OFFICER, seen=f"{State.ON_WORKLIST}:first"))
    await delivery.execute_update(Delivery.release, replace(OFFICER, seen=f"{State.ON_WORKLIST}:second"))
    await delivery.result()


async def missing_and_sent_again(client: Client, world: World) -> None:
    missing = Comparison(Verdict.MISSING, 2, 3, "It lists 2 of 3 images.")
    world.answers["compare"] = [*[missing] * 6, Comparison(Verdict.UNVERIFIABLE, 0, 3, "It cannot be asked.")]
    await (await arrive(client, world)).result()
    await delivery_of(client, world).result()


async def node_down_and_up(client: Client, world: World) -> None:
    silent = NodeFacts(False, "It does not answer.")
    world.answers["look"] = [silent, silent, silent, NodeFacts(True)]
    handle = await client.start_workflow(
        NodeHealth.run, NodeStart(world.node_id), id=f"node-{world.node_id}", task_queue=WORKFLOWS
    )
    await handle.signal(NodeHealth.fault_reported)
    await until(lambda: "node.answered" in world.walk)
    await handle.execute_update(NodeHealth.hold, OFFICER)
    await handle.execute_update(NodeHealth.resume, OFFICER)
    await until(lambda: world.walk.count("node.answered") == 2)
    await handle.terminate()


async def planned_downtime(client: Client, world: World) -> None:
    handle = await client.start_workflow(
        NodeHealth.run, NodeStart(world.node_id), id=f"node-{world.node_id}", task_queue=WORKFLOWS
    )
    at = datetime.now(UTC)
    await handle.execute_update(NodeHealth.plan, DowntimePlan("officer", "", at + DAY, at + 2 * DAY))
    await handle.execute_update(NodeHealth.cancel, OFFICER)
    await handle.execute_update(NodeHealth.plan, DowntimePlan("officer", "", at, at + 2 * DAY))
    await until(lambda: "node.began" in world.walk)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    await handle.execute_update(NodeHealth.plan, DowntimePlan("officer", "", at, soon))
    await until(lambda: "node.answered" in world.walk)
    await handle.terminate()


async def commitment_answered(client: Client, world: World) -> None:
    world.answers["answer"] = [Answer(False, 1, 3), Answer(True, 0, 3)]
    handle = await client.start_workflow(
        CommitmentAnswer.run, CommitmentStart(world.request_id), id=f"commitment-{world.request_id}",
        task_queue=WORKFLOWS,
    )  # fmt: skip
    await handle.result()


async def commitment_reported(client: Client, world: World) -> None:
    """Its destination commits itself to a part, is sent the rest, and then commits itself to all."""
    awaited = Comparison(Verdict.AWAITED, 0, 3)
    lost = Comparison(Verdict.MISSING, 2, 3, "It commits itself to 2 of 3 images.", final=True)
    world.answers["compare"] = [awaited, lost, awaited, Comparison(Verdict.CONFIRMED, 3, 3)]
    await (await arrive(client, world)).result()
    for asked in (1, 3):
        await until(lambda asked=asked: world.done.count("compare") == asked)  # type: ignore[misc]
        await delivery_of(client, world).signal(Delivery.commitment_reported)
    await delivery_of(client, world).result()


Course = Callable[[Client, World], Awaitable[None]]
COURSES: tuple[Course, ...] = (
    routed, forwarded, held_and_assigned, held_and_refused, contradicted, parked_and_retried, converted_and_left_out,
    redirected, supplement, reassigned_and_released, missing_and_sent_again, node_down_and_up, planned_downtime,
    commitment_answered, commitment_reported,
    request_accepted, request_declined, request_expired, request_withdrawn_against_match, request_of_several_studies,
    transfer_fulfilled, transfer_parked_and_retried, transfer_withdrawn, sheet_placed,
)  # fmt: skip


def readable(history: str) -> str:
    """As it is kept: without what depends on the machine."""
    events = json.loads(history)
    text = json.dumps(events, indent=1) + "\n"
    for made_here in (r"/\w+/[\w./-]*\.py", r"\d+@[\w.-]+\""):
        if found := re.search(made_here, text):
            raise SystemExit(f"A history says where it was recorded: {found.group()}")
    return text


def name_of(course: Course) -> str:
    return course.__name__.replace("_", "-")


async def record(folder: Path, *names: str) -> None:
    """The courses of these names, or all."""
    courses = [course for course in COURSES if not names or name_of(course) in names]
    with tempfile.TemporaryDirectory() as kept:
        server = Server(Path(kept))
        try:
            client = await server.client(identity="recorder")
            fakes = Fakes()
            async with AsyncExitStack() as stack:
                for queue, workflows, activities in (
                    (WORKFLOWS, ALL_WORKFLOWS, fakes.here),
                    (URGENT, (), fakes.transfers),
                    (BULK, (), fakes.transfers),
                ):
                    worker = Worker(
                        client, task_queue=queue, workflows=workflows, activities=activities, identity="recorder",
                        workflow_runner=runner(), max_heartbeat_throttle_interval=timedelta(seconds=0.2),
                    )  # fmt: skip
                    await stack.enter_async_context(worker)
                await asyncio.gather(*(_record(client, fakes.world(), course, folder) for course in courses))
        finally:
            server.close()


async def _record(client: Client, world: World, course: Course, folder: Path) -> None:
    await course(client, world)
    subjects = {(step.lifecycle, step.subject_id) for step in world.steps}
    if "place_rows" in world.done:
        # What stands of a sheet stands in its rows: it has no lifecycle.
        subjects.add(("sheet", world.sheet_id))
    for kind, subject_id in subjects:
        history = await client.get_workflow_handle(f"{kind}-{subject_id}").fetch_history()
        (folder / f"{name_of(course)}.{kind}.json").write_text(readable(history.to_json()))


if __name__ == "__main__":
    asyncio.run(record(FOLDER, *sys.argv[1:]))
