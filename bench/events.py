"""How long the histories of the engine's workflows have grown."""

from __future__ import annotations

import asyncio

from temporalio.client import Client

WORKFLOWS = ("StudyArrival", "Delivery", "Transfer")


def longest(engine: str) -> dict[str, int]:
    """By workflow, the most events that one which has ended has in its history; only what one transfer consists of."""
    return asyncio.run(_longest(engine))


async def _longest(engine: str) -> dict[str, int]:
    client = await Client.connect(engine)
    found: dict[str, int] = {}
    async for run in client.list_workflows():
        if run.workflow_type in WORKFLOWS and run.close_time is not None:
            found[run.workflow_type] = max(found.get(run.workflow_type, 0), run.history_length)
    return found
