"""How a delivery waits for its Node while that is away: for word that it may be used again, or to try unasked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.domain.lifecycles.delivery import DELIVERY, Event, State
from workflows.journey import Journey


class NodeWait:
    """`may_go_on` is set by word that comes after an attempt has begun: also before the attempt is over."""

    def __init__(self, journey: Journey[State, Event]) -> None:
        self.journey = journey
        self.may_go_on = False

    async def within(self, wait: timedelta) -> None:
        """Until there is word, no longer than `wait`."""
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self.may_go_on, timeout=wait)

    @contextlib.contextmanager
    def told_if_slow(self) -> Iterator[None]:
        """Both sides are told if the block takes long."""
        slow = asyncio.create_task(self._tell_if_slow())
        try:
            yield
        finally:
            slow.cancel()

    def tell_of_downtime(self, planned_until: str) -> None:
        """Who sent it or asked for it is told, once for each planned downtime; nobody where there is none."""
        if planned_until:
            self.journey.tell("delivery-waits-for-downtime", once_for=planned_until)

    async def _tell_if_slow(self) -> None:
        await workflow.sleep(DELIVERY.patience[State.SENDING])
        self.journey.tell("delivery-slow", each_time=True)
