"""Deliveries that were changed carelessly: each takes another course than the recorded ones."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.domain.contracts import DeliveryStart
    from models.domain.errors import ExchangeError
    from models.domain.lifecycles.delivery import Event
from workflows.delivery import Delivery


@workflow.defn(name="Delivery", failure_exception_types=[ExchangeError])
class Trusting(Delivery):
    """Does not ask the destination."""

    @workflow.init
    def __init__(self, start: DeliveryStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: DeliveryStart) -> str:
        return await super().run(start)

    async def _confirm(self) -> None:
        self.journey.take(Event.CONFIRMED)


@workflow.defn(name="Delivery", failure_exception_types=[ExchangeError])
class Hesitating(Delivery):
    """Waits a little before it is listed."""

    @workflow.init
    def __init__(self, start: DeliveryStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: DeliveryStart) -> str:
        return await super().run(start)

    async def _list(self) -> None:
        await workflow.sleep(timedelta(seconds=1))
        await super()._list()


@workflow.defn(name="Delivery", failure_exception_types=[ExchangeError])
class Hasty(Delivery):
    """Sends before the release is recorded."""

    @workflow.init
    def __init__(self, start: DeliveryStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: DeliveryStart) -> str:
        async def at_once() -> None:
            return

        self.journey.recorded = at_once  # type: ignore[method-assign]
        return await super().run(start)
