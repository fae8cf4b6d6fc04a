"""Delivery: two people at once, decisions while it is sending, and journal, mail or workflow that fail."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowUpdateFailedError

from models.domain.contracts import Comparison, Listing, SendReport, Verdict
from tests.workflows.fakes import PERMANENT
from tests.workflows.gate import Gate
from tests.workflows.stage import Stage, by, refused
from tests.workflows.test_delivery import on_worklist
from workflows.confirmation import ASK_AGAIN
from workflows.delivery import Delivery

MISSING = Comparison(Verdict.MISSING, 2, 3, "It lists 2 of 3 images.")
ALL_ASKING = timedelta(seconds=sum(ASK_AGAIN) + 5)


async def test_of_release_and_refuse_at_once_one_wins_and_the_other_reads_who(stage: Stage) -> None:
    handle = await on_worklist(stage)
    said = await asyncio.gather(
        handle.execute_update(Delivery.release, by("ann")),
        handle.execute_update(Delivery.refuse, by("bob")),
        return_exceptions=True,
    )
    lost = [answer for answer in said if isinstance(answer, WorkflowUpdateFailedError)]
    assert len(lost) == 1
    winner = stage.world.steps[1]
    assert f"Too late: it was {winner.event} by {winner.actor} at {winner.at:%H:%M} UTC" in str(lost[0].cause)
    assert await handle.result() == ("confirmed" if winner.event == "released" else "refused")


async def test_whoever_is_too_late_reads_who_decided_however_far_it_went_since(stage: Stage) -> None:
    handle = await on_worklist(stage)
    gate = stage.world.answers["compare"] = Gate(Comparison(Verdict.CONFIRMED, 3, 3))
    await handle.execute_update(Delivery.release, by("ann"))
    await gate.reached.wait()
    said = await refused(handle.execute_update(Delivery.refuse, by("bob")))
    assert said.startswith("Too late: it was released by ann at ")
    assert said.endswith(" and is now sent.")
    gate.opened.set()
    assert await handle.result() == "confirmed"


async def test_one_form_sent_twice_is_one_act(stage: Stage) -> None:
    handle = await on_worklist(stage)
    stage.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    said = await asyncio.gather(*(handle.execute_update(Delivery.release, by("ann"), id="form") for _ in range(3)))
    assert said == ["sending"] * 3
    assert stage.world.walk.count("delivery.released") == 1


async def test_a_form_whose_answer_was_lost_gets_it_after_the_end(stage: Stage) -> None:
    handle = await on_worklist(stage)
    await handle.execute_update(Delivery.refuse, by("ann"), id="form")
    await handle.result()
    assert await handle.execute_update(Delivery.refuse, by("ann"), id="form") == "refused"


async def test_of_retry_and_abandon_at_once_one_wins(stage: Stage) -> None:
    stage.world.answers["send"] = [SendReport(0, 3, "No."), SendReport(3, 3)]
    handle = await stage.delivery()
    await stage.until_state(handle, "needs-attention")
    await asyncio.gather(
        handle.execute_update(Delivery.retry, by("ann", seen="needs-attention")),
        handle.execute_update(Delivery.abandon, by("bob", seen="needs-attention")),
        return_exceptions=True,
    )
    result = await handle.result()
    decided = [step for step in stage.world.steps if step.actor != "exchange"]
    # Abandoning is also possible just after a retry, but not for whoever has not seen that it was retried.
    assert [step.event for step in decided] in (["retried"], ["abandoned"])
    assert result == ("confirmed" if decided[-1].event == "retried" else "abandoned")


async def test_abandoning_ends_the_sending_that_is_under_way(stage: Stage) -> None:
    gate = stage.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    handle = await stage.delivery()
    await gate.reached.wait()
    assert await handle.execute_update(Delivery.abandon, by("ann")) == "abandoned"
    assert await handle.result() == "abandoned"
    assert gate.cancelled
    assert stage.world.walk[-1] == "delivery.abandoned"


async def test_redirecting_ends_one_sending_and_begins_another(stage: Stage) -> None:
    gate = Gate(SendReport(3, 3), beating=True)
    stage.world.answers["send"] = [gate, SendReport(3, 3)]
    handle = await stage.delivery()
    await gate.reached.wait()
    assert await handle.execute_update(Delivery.redirect, by("ann", "c1")) == "sending"
    assert await handle.result() == "confirmed"
    assert gate.cancelled
    assert stage.world.done.count("send") == 2
    assert stage.world.done.index("delivery.redirected") < len(stage.world.done) - 1 - stage.world.done[::-1].index(
        "send"
    )


async def test_what_the_former_node_accepted_does_not_count_after_a_redirection(stage: Stage) -> None:
    # It does not heartbeat, so it never hears of its cancellation and reports success.
    gate = Gate(SendReport(3, 3))
    stage.world.answers["send"] = [gate, SendReport(3, 3)]
    handle = await stage.delivery()
    await gate.reached.wait()
    await handle.execute_update(Delivery.redirect, by("ann"))
    gate.opened.set()
    assert await handle.result() == "confirmed"
    assert stage.world.done.count("send") == 2
    assert stage.world.walk.count("delivery.sent") == 1


async def test_an_abandonment_just_before_sending_prevents_it(stage: Stage) -> None:
    handle = await on_worklist(stage)
    gate = stage.world.answers["record"] = Gate()
    release = asyncio.create_task(handle.execute_update(Delivery.release, by("ann")))
    await gate.reached.wait()
    abandon = asyncio.create_task(handle.execute_update(Delivery.abandon, by("bob")))
    await stage.until_state(handle, "abandoned")
    stage.world.answers["record"] = None
    gate.opened.set()
    assert await handle.result() == "abandoned"
    await asyncio.gather(release, abandon)
    assert "send" not in stage.world.done


async def test_a_mail_host_that_is_away_delays_no_study(stage: Stage) -> None:
    stage.world.answers["list"] = Listing(False, "")
    mail = stage.world.answers["tell"] = Gate(1)
    handle = await stage.delivery()
    await mail.reached.wait()
    await handle.execute_update(Delivery.release, by("ann"))
    await stage.until(lambda: "delivery.confirmed" in stage.world.walk)
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    mail.opened.set()
    assert await handle.result() == "confirmed"
    assert sorted(stage.world.told) == ["delivery-confirmed", "delivery-on-worklist"]


async def test_a_mail_that_can_never_be_sent_fails_nothing(stage: Stage) -> None:
    stage.world.answers["tell"] = PERMANENT
    handle = await stage.delivery()
    assert await handle.result() == "confirmed"


async def test_a_journal_that_refuses_a_step_stops_everything_until_it_takes_it(stage: Stage) -> None:
    stage.world.answers["record"] = [PERMANENT, None]
    handle = await stage.delivery()
    await stage.until(lambda: stage.world.done.count("delivery.listed") == 1)
    assert "send" not in stage.world.done
    await stage.forward(handle, timedelta(minutes=11))
    assert await handle.result() == "confirmed"
    assert stage.world.walk[:2] == ["delivery.listed", "delivery.released"]


async def test_an_ended_delivery_says_what_happened(stage: Stage) -> None:
    gate = stage.world.answers["tell"] = Gate(1)
    handle = await stage.delivery()
    await gate.reached.wait()
    said = await refused(handle.execute_update(Delivery.abandon, by("ann")))
    assert said.startswith("Too late: it was confirmed by the exchange at ")
    assert said.endswith(" and is now confirmed.")
    gate.opened.set()
    assert await handle.result() == "confirmed"


async def test_a_cancelled_workflow_ends_its_sending_and_leaves_the_row_as_it_was(stage: Stage) -> None:
    gate = stage.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    handle = await stage.delivery()
    await gate.reached.wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert gate.cancelled
    assert stage.world.walk[-1] == "delivery.released"


async def test_what_is_withdrawn_while_its_worklist_is_looked_up_never_gets_there(stage: Stage) -> None:
    looking = stage.world.answers["list"] = Gate(Listing(True, "by itself"))
    handle = await stage.delivery()
    await looking.reached.wait()
    await handle.signal(Delivery.withdrawn, "ann")
    await stage.until_state(handle, "abandoned")
    looking.opened.set()
    assert await handle.result() == "abandoned"
    assert stage.world.walk == ["delivery.withdrawn"]
    assert stage.world.told == ["delivery-abandoned"]


async def test_who_decides_too_late_about_what_was_withdrawn_reads_so(stage: Stage) -> None:
    handle = await on_worklist(stage)
    gate = stage.world.answers["record"] = Gate()
    await handle.signal(Delivery.withdrawn, "ann")
    await gate.reached.wait()
    said = await refused(handle.execute_update(Delivery.release, by("bob")))
    assert said.startswith("Too late: it was withdrawn by ann at ")
    gate.opened.set()
    assert await handle.result() == "abandoned"
    assert "send" not in stage.world.done
