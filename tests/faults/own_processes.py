"""Faults of the exchange's own processes that are no deaths: frozen, all stopped, replaced, without room to write."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests.end_to_end.exchange import Exchange
from tests.eventually import eventually
from tests.faults.fault import COMING_IN, GOING_OUT, Fault, Pushed
from tests.faults.second_worker import second_worker
from tests.faults.sender import RetryingSender

BULK, WORKFLOWS = "transfer-bulk", "workflows"
WORKERS = (WORKFLOWS, "transfer-urgent", BULK)
FAILURES = (EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED, EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)
WRITES = "pwrite64,write,ftruncate,fallocate"


class Frozen(Fault):
    """P3. The transfer worker stands still amid its sending until another sends in its place, and then goes on."""

    where = (GOING_OUT,)
    rate = 20.0

    def strike(self, sender: RetryingSender, pushed: Pushed) -> None:
        pid = self.exchange.pid(BULK)
        os.kill(pid, signal.SIGSTOP)
        try:
            before, sent = self._attempts(pushed), self._sent(pushed)
            with second_worker(self.exchange, BULK):
                eventually(lambda: self._attempts(pushed) > before and self._sent(pushed) > sent, timeout=60)
                os.kill(pid, signal.SIGCONT)
        finally:
            os.kill(pid, signal.SIGCONT)

    def _attempts(self, pushed: Pushed) -> int:
        return sum(one.delivery.attempt for one in self.exchange.standings(pushed.uid) if one.delivery)

    def _sent(self, pushed: Pushed) -> int:
        wire = self.recorder.wire()
        return sum(wire[uid] for uid in pushed.images)


class AllDown(Fault):
    """P4. No worker is there while the rest of a study comes in: before anything of it was begun."""

    where = (COMING_IN,)
    latest = 20

    def strike(self, sender: RetryingSender, pushed: Pushed) -> None:
        with all_down(self.exchange):
            eventually(lambda: sender.acknowledged == set(pushed.images), timeout=60)


@contextmanager
def all_down(exchange: Exchange) -> Iterator[None]:
    with ThreadPoolExecutor(len(WORKERS)) as at_once:
        list(at_once.map(exchange.stop, WORKERS))
        try:
            yield
        finally:
            list(at_once.map(exchange.start, WORKERS))


class Replaced(Fault):
    """P5. Workers are told to stop amid a study, and new ones are started, as a new version is brought in."""

    where = (GOING_OUT,)
    rate = 20.0

    def strike(self, sender: RetryingSender, pushed: Pushed) -> None:
        old = {worker: self.exchange.pid(worker) for worker in WORKERS}
        for pid in old.values():
            os.kill(pid, signal.SIGTERM)
        for worker, pid in old.items():
            self.exchange.wait_for_another(worker, than=pid)

    def afterwards(self, pushed: Pushed) -> None:
        """Nothing failed and nothing was begun a second time, neither by the engine's word nor on the wire."""
        (standing,) = self.exchange.standings(pushed.uid)
        assert standing.arrival
        assert standing.delivery
        for workflow_id in (f"arrival-{standing.arrival.id}", f"delivery-{standing.delivery.id}"):
            troubles = asyncio.run(_troubles(self.exchange, workflow_id))
            assert not troubles, troubles
        wire = self.recorder.wire()
        twice = [uid for uid in pushed.images if wire[uid] != 1]
        assert not twice, twice


async def _troubles(exchange: Exchange, workflow_id: str) -> list[str]:
    """Activities that failed, timed out or were tried more than once."""
    client = await Client.connect(exchange.settings.temporal)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return [
        f"{workflow_id}: {EventType.Name(event.event_type)} {event.event_id}"
        for event in history.events
        if event.event_type in FAILURES or event.activity_task_started_event_attributes.attempt > 1
    ]


class EngineFull(Fault):
    """T3. The engine's disk is full: no write to its database goes through while the rest of a study comes in."""

    def strike(self, sender: RetryingSender, pushed: Pushed) -> None:
        with no_room_for_the_engine(self.exchange):
            eventually(lambda: sender.acknowledged == set(pushed.images), timeout=60)


@contextmanager
def no_room_for_the_engine(exchange: Exchange) -> Iterator[None]:
    """ENOSPC for every write to its database; from when it has met the first of them."""
    strace, file, trace = shutil.which("strace"), exchange.var / "temporal" / "temporal.db", exchange.var / "strace"
    assert strace, "strace must be installed"
    attached = subprocess.Popen(
        [
            strace, "-f", "-qqq", "-e", "signal=none", "-p", str(exchange.pid("temporal")), "-o", str(trace),
            "-P", str(file), "-P", f"{file}-wal", "-e", f"trace={WRITES}", "-e", f"inject={WRITES}:error=ENOSPC",
        ],
    )  # fmt: skip
    try:
        eventually(lambda: trace.exists() and "(INJECTED)" in trace.read_text(), timeout=30)
        yield
    finally:
        attached.send_signal(signal.SIGINT)
        attached.wait(10)
        trace.unlink(missing_ok=True)


FAULTS: dict[str, type[Fault]] = {
    "frozen worker": Frozen,
    "workers down": AllDown,
    "replaced workers": Replaced,
    "full engine": EngineFull,
}
"""By their names in the catalogue."""
