"""`python -m bench.replaying`: what the SDK's sandbox costs a workflow; processor time to replay a recorded arrival."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from bench.measure import spread
from temporal.worker import ALL_WORKFLOWS

HISTORY = Path(__file__).parents[1] / "tests" / "histories" / "routed.arrival.json"
TIMES = 20
THROUGH = ("models", "activities", "pydicom", "pynetdicom", "sqlalchemy")


def main() -> None:
    runners = {
        "sandbox": _sandbox(*THROUGH),
        "sandbox, workflows pass through": _sandbox(*THROUGH, "workflows"),
        "no sandbox": UnsandboxedWorkflowRunner(),
    }
    for name, runner in runners.items():
        took = spread([asyncio.run(_replayed(runner)) for _ in range(TIMES)])
        print(f"{name:35} {took.median:6.0f} ms ({took.least:.0f}–{took.most:.0f})")


def _sandbox(*through: str) -> WorkflowRunner:
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*through))


async def _replayed(runner: WorkflowRunner) -> float:
    """Milliseconds of processor time."""
    history = WorkflowHistory.from_json(HISTORY.stem, HISTORY.read_text())
    began = time.process_time()
    await Replayer(workflows=ALL_WORKFLOWS, workflow_runner=runner).replay_workflow(history)
    return 1000 * (time.process_time() - began)


if __name__ == "__main__":
    main()
