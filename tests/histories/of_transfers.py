"""The courses of transfers, and of sheets of them."""

from __future__ import annotations

from typing import Any

from temporalio.client import Client

from models.domain.transfer_contracts import Retrieved, SheetStart, TransferProgress, TransferStart
from models.domain.urgency import Urgency
from tests.histories.moves import OFFICER, until
from tests.workflows.fakes import LOST, World
from tests.workflows.gate import Gate
from workflows.bulk_sheet import BulkSheet
from workflows.policies import WORKFLOWS
from workflows.transfer import Transfer


async def sent(client: Client, world: World) -> Any:
    start = TransferStart(world.transfer_id, Urgency.ROUTINE)
    return await client.start_workflow(
        Transfer.run, start, id=f"transfer-{world.transfer_id}", task_queue=WORKFLOWS
    )  # fmt: skip


async def transfer_fulfilled(client: Client, world: World) -> None:
    world.answers["retrieve"] = [Retrieved(2, 3, False, "2 of 3 came."), Retrieved(3, 3, True)]
    handle = await sent(client, world)
    await until(lambda: "transfer.retrieved" in world.walk)
    world.delivered = 1
    await handle.signal(Transfer.delivery_moved)
    await handle.result()


async def transfer_parked_and_retried(client: Client, world: World) -> None:
    """Refused twice, then lost at the destination, then there."""
    no = Retrieved(1, 3, False, "1 of 3 came.", refused=True)
    world.answers["retrieve"] = [no, no, Retrieved(3, 3, True, moved=True)]
    world.answers["transfer_progress"] = lambda _: _after(world.walk.count("transfer.retried"))
    handle = await sent(client, world)
    for times in (1, 2, 3):
        await until(lambda times=times: world.told.count("transfer-parked") == times)  # type: ignore[misc]
        await handle.execute_update(Transfer.retry, OFFICER)
    await handle.result()


def _after(retries: int) -> TransferProgress:
    return TransferProgress(3, 3, retries > 1, 1, delivered=int(retries > 2), failed=int(retries == 2), sentence=LOST)


async def transfer_withdrawn(client: Client, world: World) -> None:
    fetching = world.answers["retrieve"] = Gate(Retrieved(3, 3, True), beating=True)
    handle = await sent(client, world)
    await fetching.reached.wait()
    await handle.execute_update(Transfer.withdraw, OFFICER)
    await handle.result()


async def sheet_placed(client: Client, world: World) -> None:
    """Of twelve rows ten are placed, then the others."""
    world.answers["place_rows"] = [2, 0]
    handle = await client.start_workflow(
        BulkSheet.run, SheetStart(world.sheet_id), id=f"sheet-{world.sheet_id}", task_queue=WORKFLOWS
    )
    await handle.result()
