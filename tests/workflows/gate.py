"""An activity's answer that a test keeps back."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity


class Gate:
    """An activity's answer that is kept back until the test opens it; `reached` says that it was asked."""

    def __init__(self, answer: Any = None, *, beating: bool = False) -> None:
        self.answer, self.beating = answer, beating
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self.cancelled = False

    def __call__(self, given: Any) -> Any:
        return self._pass()

    async def _pass(self) -> Any:
        self.reached.set()
        try:
            while not self.opened.is_set():
                if self.beating:
                    activity.heartbeat()
                await asyncio.wait([asyncio.ensure_future(self.opened.wait())], timeout=0.1)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self.answer
