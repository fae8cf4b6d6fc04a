"""BulkSheet: a few rows at a time until none is left, on the queue of the others, behind everything else."""

from __future__ import annotations

from typing import Any

from models.domain.transfer_contracts import SheetStart
from temporal.gateway import Gateway
from tests.workflows.fakes import PASSING
from tests.workflows.gate import Gate
from tests.workflows.stage import Handle, Stage
from tests.workflows.test_gateway import beside, gateway
from workflows.bulk_sheet import BulkSheet
from workflows.policies import WORKFLOWS

__all__ = ["gateway"]


async def begun(stage: Stage) -> Handle:
    sheet_id = stage.world.sheet_id
    return await stage.client.start_workflow(
        BulkSheet.run, SheetStart(sheet_id), id=f"sheet-{sheet_id}", task_queue=WORKFLOWS
    )


async def test_until_none_is_left(stage: Stage) -> None:
    stage.world.answers["place_rows"] = [12, 2, 0]
    handle = await begun(stage)
    await handle.result()
    assert stage.world.done.count("place_rows") == 3
    async for event in handle.fetch_history_events():
        planned: Any = event.activity_task_scheduled_event_attributes
        if planned.activity_type.name:
            assert (planned.task_queue.name, planned.priority.priority_key) == ("transfer-bulk", 5)


async def test_a_pacs_that_is_away_is_asked_again(stage: Stage) -> None:
    stage.world.answers["place_rows"] = [PASSING, 0]
    await (await begun(stage)).result()
    assert stage.world.done.count("place_rows") == 2


async def test_it_goes_again_when_failed_rows_are_sent_again(stage: Stage) -> None:
    stage.world.answers["place_rows"] = [0, 0]
    await (await begun(stage)).result()
    await (await begun(stage)).result()
    assert stage.world.done.count("place_rows") == 2


async def test_rows_that_are_sent_again_while_it_is_about_to_end_are_placed(stage: Stage, gateway: Gateway) -> None:
    start, ending = SheetStart(stage.world.sheet_id), Gate(0)
    stage.world.answers["place_rows"] = [ending, 0]
    await beside(gateway.start, start)
    await ending.reached.wait()
    await beside(gateway.start, start)
    ending.opened.set()
    await stage.client.get_workflow_handle(f"sheet-{start.sheet_id}").result()
    assert stage.world.done.count("place_rows") == 2


async def test_a_sheet_that_is_sent_is_looked_at_once(stage: Stage, gateway: Gateway) -> None:
    stage.world.answers["place_rows"] = [0]
    await beside(gateway.start, SheetStart(stage.world.sheet_id))
    await stage.client.get_workflow_handle(f"sheet-{stage.world.sheet_id}").result()
    assert stage.world.done.count("place_rows") == 1
