"""A PACS that was down and answers again: what waits for it goes on because it is told, not because time has passed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests.conftest import Peers
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import push
from tests.end_to_end.test_main_job import sentence
from tests.eventually import eventually


def test_a_pacs_that_is_back_is_used_without_waiting_for_the_next_attempt(
    exchange: Exchange, peers: Peers, tmp_path: Path
) -> None:
    before = exchange.logs()["transfer-bulk.log"]
    exchange.stop("ZX2_PACS")
    try:
        study = site.study(tmp_path, "pacs-back", 3)
        push(peers, exchange.port("dicom"), "IEP_ZX2", tmp_path)
        eventually(lambda: "ZX2_PACS is down" in sentence(exchange, study), timeout=60)
    finally:
        exchange.start("ZX2_PACS")
    (one,) = exchange.in_state(study.study_instance_uid, "confirmed", timeout=90)
    assert one.delivery
    happened = asyncio.run(_history(exchange, f"delivery-{one.delivery.id}"))
    since_the_word = happened[len(happened) - 1 - happened[::-1].index("WORKFLOW_EXECUTION_SIGNALED") :]
    attempt = since_the_word.index("ACTIVITY_TASK_SCHEDULED")
    # The relay's word ended its wait, not the wait's own end.
    assert "TIMER_CANCELED" in since_the_word[: attempt + 2]
    assert "TIMER_FIRED" not in since_the_word[:attempt]
    said = exchange.logs()["transfer-bulk.log"][len(before) :]
    assert "Traceback" not in said


async def _history(exchange: Exchange, workflow_id: str) -> list[str]:
    client = await Client.connect(exchange.settings.temporal)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    return [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]
