"""NodeHealth: up, failing, down, probing, held; faults, people and a long life."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.client import WorkflowExecutionStatus

from models.domain.contracts import NodeFacts
from models.domain.lifecycles.node import State
from tests.workflows.gate import Gate
from tests.workflows.stage import Stage, by, refused
from workflows.node_health import PATIENCE, NodeHealth

SILENT = NodeFacts(False, "It does not answer.")
A_LITTLE_MORE = timedelta(seconds=1)


async def test_up_failing_down_probing_up(stage: Stage) -> None:
    stage.world.answers["look"] = [SILENT, SILENT, SILENT, NodeFacts(True)]
    handle = await stage.node()
    await stage.until_state(handle, "up")
    for looks, (state, steps) in enumerate(
        ((State.UP, 1), (State.FAILING, 2), (State.DOWN, 2), (State.DOWN, 4)), start=1
    ):
        await stage.until_state(handle, state)
        await stage.forward(handle, PATIENCE[state] + A_LITTLE_MORE)
        await stage.until(lambda looks=looks: stage.world.done.count("look") == looks)  # type: ignore[misc]
        await stage.until(lambda steps=steps: len(stage.world.steps) == steps)  # type: ignore[misc]
    # While it stays down nothing is written, however often it is asked.
    assert stage.world.walk == [f"node.{event}" for event in ("failed", "failed", "probed", "answered")]
    assert stage.world.steps[0].detail == "It does not answer."


async def test_a_node_that_answers_takes_no_step(stage: Stage) -> None:
    handle = await stage.node()
    for looks in (1, 2, 3):
        await stage.forward(handle, PATIENCE[State.UP])
        await stage.until(lambda looks=looks: stage.world.done.count("look") == looks)  # type: ignore[misc]
    assert stage.world.steps == []


async def test_a_reported_fault_is_looked_at_at_once(stage: Stage) -> None:
    handle = await stage.node()
    await handle.signal(NodeHealth.fault_reported)
    await stage.until(lambda: stage.world.done == ["look"])


async def test_a_fault_reported_while_looking_is_looked_at_again(stage: Stage) -> None:
    gate = Gate(NodeFacts(True))
    stage.world.answers["look"] = [gate, NodeFacts(True)]
    handle = await stage.node()
    await handle.signal(NodeHealth.fault_reported)
    await gate.reached.wait()
    await handle.signal(NodeHealth.fault_reported)
    gate.opened.set()
    await stage.until(lambda: stage.world.done == ["look", "look"])


async def test_faults_do_not_put_off_the_probing_of_a_node_that_is_down(stage: Stage) -> None:
    handle = await stage.node("down")
    for _ in range(4):
        await handle.signal(NodeHealth.fault_reported)
        await stage.forward(handle, PATIENCE[State.DOWN] / 3)
    await stage.until(lambda: "node.probed" in stage.world.walk)
    await stage.until_state(handle, "up")


async def test_a_person_holds_and_resumes(stage: Stage) -> None:
    stage.world.answers["look"] = SILENT
    handle = await stage.node()
    assert await handle.execute_update(NodeHealth.hold, by("ann", "c1")) == "held"
    await stage.forward(handle, timedelta(days=3))
    await handle.signal(NodeHealth.fault_reported)
    assert await handle.query("state") == "held"
    assert stage.world.done == ["node.held"]
    assert "held by ann" in await refused(handle.execute_update(NodeHealth.hold, by("bob")))
    stage.world.answers["look"] = NodeFacts(True)
    assert await handle.execute_update(NodeHealth.resume, by("bob", "c2")) == "probing"
    await stage.until_state(handle, "up")
    await stage.until(lambda: len(stage.world.steps) == 3)
    assert stage.world.walk == ["node.held", "node.resumed", "node.answered"]
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def test_an_answer_that_comes_after_the_hold_is_ignored(stage: Stage) -> None:
    gate = stage.world.answers["look"] = Gate(SILENT)
    handle = await stage.node()
    await handle.signal(NodeHealth.fault_reported)
    await gate.reached.wait()
    await handle.execute_update(NodeHealth.hold, by("ann"))
    gate.opened.set()
    await handle.execute_update(NodeHealth.resume, by("ann"))
    assert "node.failed" not in stage.world.walk[:2]


async def test_of_two_holds_at_once_one_wins(stage: Stage) -> None:
    handle = await stage.node()
    await asyncio.gather(
        *(handle.execute_update(NodeHealth.hold, by(who)) for who in ("ann", "bob")), return_exceptions=True
    )
    assert stage.world.walk == ["node.held"]


async def test_it_goes_on_from_where_its_row_stands(stage: Stage) -> None:
    handle = await stage.node("held")
    assert await handle.query("state") == "held"
    assert await handle.execute_update(NodeHealth.resume, by("ann")) == "probing"
