"""What an arrival has to say to its deliveries: that they begin, are more urgent than they began, or are over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from models.domain.contracts import DeliveryStart
from workflows.delivery import Delivery

Told = TypeVar("Told")


async def begin(start: DeliveryStart) -> bool:
    """False where it had begun before: it goes its own way already, or has come to its end."""
    try:
        await workflow.start_child_workflow(
            Delivery.run,
            start,
            id=f"delivery-{start.delivery_id}",
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            parent_close_policy=ParentClosePolicy.ABANDON,
        )
    except WorkflowAlreadyStartedError:
        # It began early, or this run was reset.
        workflow.logger.info("delivery %s was started before", start.delivery_id)
        return False
    return True


async def raise_urgency(start: DeliveryStart) -> None:
    await _tell(start.delivery_id, Delivery.urgency_raised, start.urgency)


async def withdraw(delivery_id: str, actor: str) -> None:
    await _tell(delivery_id, Delivery.withdrawn, actor)


async def _tell(delivery_id: str, signal: Callable[[Delivery, Told], Awaitable[None] | None], told: Told) -> None:
    handle = workflow.get_external_workflow_handle_for(Delivery.run, f"delivery-{delivery_id}")
    try:
        await handle.signal(signal, told)
    except ApplicationError:
        workflow.logger.info("delivery %s has ended already", delivery_id)
