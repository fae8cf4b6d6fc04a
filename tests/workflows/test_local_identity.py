"""A local ID that is another person's: refused before anything moves, and decisions meanwhile count."""

from __future__ import annotations

import asyncio

import pytest

from models.domain.contracts import Listing
from models.local_patients import ANOTHERS_ID
from tests.workflows.gate import Gate
from tests.workflows.stage import Handle, Stage, by, refused
from workflows.delivery import Delivery


@pytest.fixture
async def listed(stage: Stage) -> Handle:
    stage.world.answers["list"] = Listing(False, "")
    handle = await stage.delivery()
    await stage.until_state(handle, "on-worklist")
    return handle


async def test_another_person_s_id_is_refused_and_nothing_has_moved(stage: Stage, listed: Handle) -> None:
    stage.world.answers["check"] = [ANOTHERS_ID, ""]
    assert await refused(listed.execute_update(Delivery.release, by("ann", "command"))) == ANOTHERS_ID
    assert await listed.query("state") == "on-worklist"
    assert "send" not in stage.world.done
    assert await listed.execute_update(Delivery.release, by("ann", "another")) == "sending"
    assert await listed.result() == "confirmed"
    assert stage.world.done.count("check") == 2


async def test_what_was_not_entered_is_not_looked_up(stage: Stage, listed: Handle) -> None:
    assert await listed.execute_update(Delivery.release, by("ann")) == "sending"
    assert await listed.result() == "confirmed"
    assert "check" not in stage.world.done


@pytest.mark.parametrize("event", ["refused", "released"])
async def test_who_decides_while_an_id_is_looked_up_is_first(stage: Stage, listed: Handle, event: str) -> None:
    looking = Gate("")
    stage.world.answers["check"] = [looking, ""]
    first = asyncio.create_task(listed.execute_update(Delivery.release, by("ann", "command")))
    await looking.reached.wait()
    other = {"refused": Delivery.refuse, "released": Delivery.release}[event]
    await listed.execute_update(other, by("bob", "another"))
    looking.opened.set()
    assert "by bob at" in await refused(first)
    await listed.result()
    decided = [(step.event, step.actor) for step in stage.world.steps if step.actor != "exchange"]
    assert decided == [(event, "bob")]


async def test_it_may_be_reassigned_while_an_id_is_looked_up(stage: Stage, listed: Handle) -> None:
    """The release does not say which worklist it was seen on, so that it counts on any."""
    looking = Gate("")
    stage.world.answers["check"] = looking
    first = asyncio.create_task(listed.execute_update(Delivery.release, by("ann", "command")))
    await looking.reached.wait()
    assert await listed.execute_update(Delivery.reassign, by("bob", "elsewhere")) == "on-worklist"
    looking.opened.set()
    assert await first == "sending"
    assert await listed.result() == "confirmed"
