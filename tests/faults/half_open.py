"""N5. The connection to the destination becomes half-open in mid-study: nobody says that it is gone."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from models.tables import Node, Slot
from tests.eventually import eventually
from tests.faults.chaos_proxy import ChaosProxy
from tests.faults.fault import GOING_OUT, Fault, Pushed, ends_confirmed
from tests.faults.sender import RetryingSender


class HalfOpen(Fault):
    where = (GOING_OUT,)
    rate = 20.0

    def push(self, folder: Path, seed: int) -> Pushed:
        self.proxy = ChaosProxy(self.recorder.port)
        self._lead_to(self.proxy.port)
        try:
            pushed = super().push(folder, seed)
            ends_confirmed(self.exchange, pushed.study)
        finally:
            self._lead_to(self.recorder.port)
            self.proxy.close()
        return pushed

    def strike(self, sender: RetryingSender, pushed: Pushed) -> None:
        before = self.proxy.accepted
        self.proxy.fall_silent()
        # Its timeout is what it costs.
        eventually(lambda: self.proxy.accepted > before, timeout=60)

    def afterwards(self, pushed: Pushed) -> None:
        with self.exchange.database.begin() as session:
            leased = select(func.count()).select_from(Slot).join(Node).where(Node.name == "ZX8_PACS", Slot.granted)
            assert session.scalar(leased) == 0

    def _lead_to(self, port: int) -> None:
        with self.exchange.database.begin() as session:
            session.scalars(select(Node).where(Node.name == "ZX8_PACS")).one().port = port
