"""A real engine for tests: `engine` is one server whose clock can be moved, `Server` one that can be killed."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from demo.exchange import temporal_binary
from tests.eventually import eventually

PROMPT = ("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="20ms"')
"""By itself the server lets a timer that ends within a second end with that second."""


async def started() -> WorkflowEnvironment:
    """Time is real until a test calls `fast_forward`."""
    return await WorkflowEnvironment.start_time_skipping_v2(
        # Left enabled, a workflow that waits for a person would come to its end at once.
        ts_config=TimeSkippingConfig(enabled=False),
        dev_server_existing_path=temporal_binary(),
        dev_server_log_level="error",
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true", *PROMPT],
    )


@pytest.fixture(scope="session")
async def engine() -> AsyncIterator[WorkflowEnvironment]:
    """One server for the whole run."""
    environment = await started()
    yield environment
    await environment.shutdown()
    # The client's threads may abort the interpreter's exit; give them a moment to end.
    await asyncio.sleep(0.5)


class Server:
    """An engine in a process of its own, which keeps what it knows in a file."""

    def __init__(self, folder: Path, *extra: str) -> None:
        self.file = folder / "temporal.db"
        self.log = folder / "temporal.log"
        self.port, self.extra = free_port(), extra
        self.process = self._started()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _started(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [
                    temporal_binary(), "server", "start-dev", "--headless", "--ip", "127.0.0.1",
                    "--port", str(self.port), "--db-filename", str(self.file), "--log-level", "error",
                    "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2", *PROMPT, *self.extra,
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        eventually(lambda: self._listens() or process.poll() is not None)
        assert process.poll() is None, self.log.read_text()
        return process

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        self.process = self._started()

    def close(self) -> None:
        """For good: what it knows is of no use any more, and an orderly end takes it a second and a half."""
        self.kill()

    async def client(self, **options: object) -> Client:
        """A client, as soon as the default namespace is there."""
        for _ in range(200):
            try:
                client = await Client.connect(self.address, **options)  # type: ignore[arg-type]
                await client.count_workflows()
                return client
            except Exception:  # noqa: BLE001 - the SDK has several for a server that is not ready
                await asyncio.sleep(0.05)
        raise AssertionError(f"no answer at {self.address}: {self.log.read_text()[-500:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
