"""A worker in a process of its own, whose activities note in a file what they do.

python -m tests.workflows.work ADDRESS QUEUE FILE
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.converter import DataConverter

from models.domain.contracts import Listing, SendReport
from temporal.worker import connected, work
from tests.workflows.fakes import Fakes, World
from workflows.policies import WORKFLOWS

LONG_SENDING = 1.0
"""Seconds that sending takes: long enough to be interrupted."""


class Noting(World):
    def __init__(self, number: str, file: Path) -> None:
        super().__init__(number)
        self.file = file
        self.answers["list"] = Listing(False, "")
        self.answers["send"] = self._send_slowly

    async def act(self, name: str, given: Any) -> Any:
        self._note(f"begun {name}")
        answer = await super().act(name, given)
        for done in [f"{step.lifecycle}.{step.event}" for step in given] if name == "record" else [name]:
            self._note(f"done {done}")
        return answer

    def _note(self, words: str) -> None:
        with self.file.open("a") as file:
            file.write(f"{words}\n")

    async def _send_slowly(self, given: Any) -> SendReport:
        for _ in range(20):
            activity.heartbeat()
            await asyncio.sleep(LONG_SENDING / 20)
        return SendReport(3, 3)


class Noted(Fakes):
    def __init__(self, file: Path) -> None:
        super().__init__()
        self.worlds["1"] = Noting("1", file)


async def main(address: str, queue: str, file: Path) -> None:
    client = await connected(address, "default", DataConverter.default)
    fakes = Noted(file)
    await work(
        client,
        queue,
        fakes.here if queue == WORKFLOWS else fakes.transfers,
        with_workflows=queue == WORKFLOWS,
        threads=4,
        ready=lambda: print("ready", flush=True),
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
    sys.stdout.flush()
    os._exit(0)
