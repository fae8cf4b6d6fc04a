"""Recorded histories still replay; a workflow that was changed carelessly is caught."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import NondeterminismError

from temporal.worker import ALL_WORKFLOWS
from tests.histories import record
from tests.workflows.mutated import Hasty, Hesitating, Trusting

SANDBOX = SandboxedWorkflowRunner(
    # What our modules import cannot be imported in it: they pass through.
    restrictions=SandboxRestrictions.default.with_passthrough_modules(
        "models", "activities", "pydicom", "pynetdicom", "sqlalchemy"
    )
)
"""Stricter than what workers run in: a workflow that asks for the time of day, chance or a file fails in it."""
HISTORIES = sorted(record.FOLDER.glob("*.json"))


def history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text())


def test_every_course_is_recorded() -> None:
    recorded = {file.name.partition(".")[0] for file in HISTORIES}
    assert recorded == {record.name_of(course) for course in record.COURSES}


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_a_recorded_history_replays(file: Path) -> None:
    replayer = Replayer(workflows=ALL_WORKFLOWS, workflow_runner=SANDBOX)
    await replayer.replay_workflow(history(file))


@pytest.mark.parametrize("mutated", [Trusting, Hesitating, Hasty])
async def test_a_careless_change_is_caught(mutated: type) -> None:
    replayer = Replayer(workflows=[mutated], workflow_runner=SANDBOX)
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(history(record.FOLDER / "routed.delivery.json"))


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_a_recorded_history_says_nothing_of_where_it_was_recorded(file: Path) -> None:
    record.readable(file.read_text())
