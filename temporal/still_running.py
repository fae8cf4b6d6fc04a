"""Which workflows the engine knows and have not ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode


async def still_running(client: Client, workflow_ids: Collection[str], patience: timedelta) -> set[str]:
    """Those of `workflow_ids`; the engine is asked for all of them at once.

    One of which it does not say counts as running: it is asked about again. Where it says nothing at all it is away,
    and the first error is raised.
    """
    asked = [_is_running(client, workflow_id, patience) for workflow_id in workflow_ids]
    said = await asyncio.gather(*asked, return_exceptions=True)
    failures = [one for one in said if isinstance(one, BaseException)]
    if failures and len(failures) == len(said):
        raise failures[0]
    return {workflow_id for workflow_id, is_running in zip(workflow_ids, said, strict=True) if is_running}


async def _is_running(client: Client, workflow_id: str, patience: timedelta) -> bool:
    try:
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=patience)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return description.close_time is None
