"""What people see while no worker is there: what they ask and push is taken, and a sentence says what waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from demo.patients import DILYS
from tests.conftest import Peers
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import push
from tests.end_to_end.people import at_work
from tests.faults.own_processes import all_down
from tests.faults.recording_pacs import RecordingPacs
from tests.web.browser import browser

__all__ = ["browser"]
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_waits_is_said_while_all_workers_are_down(
    exchange: Exchange, browser: Browser, peers: Peers, recorder: RecordingPacs, tmp_path: Path
) -> None:
    study = site.study(tmp_path, "said-while-down", 3)
    async with (
        at_work(browser, exchange, "officer.zx1") as officer,
        at_work(browser, exchange, "clinician.zx2") as clinician,
    ):
        with all_down(exchange):
            push(peers, exchange.port("dicom"), "IEP_ZX8", tmp_path, calling="FAULTY_SCANNER")
            (received,) = exchange.in_state(study.study_instance_uid, "receiving")
            await officer.go(f"/transactions/{received.transaction.reference}")
            await officer.sees("3 images received from ZX1; waiting for the last one.")
            await expect(officer.page.get_by_text("A part of the exchange is not running")).to_be_visible()
            await clinician.asks("ZX1", DILYS, "CT Thorax")
            await clinician.sees("ZX1 is being told.")
        await officer.sees("Confirmed: 3 of 3 are in ZX8_PACS, by its own answer.")
        await clinician.sees("ZX1's PACS officer accepts, sends, asks back or declines")
