"""What people do with requests, in a browser, against the whole running exchange and its hospitals' PACS."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from demo.patients import BORIS, CHIDI, DILYS, EVIE, FARAH
from tests.conftest import Peers
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import count, push
from tests.end_to_end.people import at_work
from tests.faults.recording_pacs import RecordingPacs
from tests.web.browser import NARROW, WIDE, browser

__all__ = ["browser"]
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("width", "by_keyboard"), [(WIDE, False), (NARROW, True)])
async def test_raised_answered_matched_reconciled_released_confirmed_and_told(
    exchange: Exchange, browser: Browser, peers: Peers, tmp_path: Path, width: int, by_keyboard: bool
) -> None:
    study = site.study(tmp_path, f"journey-{width}", 4, FARAH)
    async with (
        at_work(browser, exchange, "clinician.zx3", width=width, by_keyboard=by_keyboard) as clinician,
        at_work(browser, exchange, "officer.zx1", width=width, by_keyboard=by_keyboard) as source,
        at_work(browser, exchange, "officer.zx3", width=width, by_keyboard=by_keyboard) as officer,
    ):
        reference = await clinician.asks("ZX1", FARAH, "CT Thorax")
        await clinician.sees("ZX1's PACS officer accepts, sends, asks back or declines")
        await clinician.must_be_without_barriers()

        await source.eventually_sees("/", reference)
        await source.go(f"/transactions/{reference}")
        await source.sees("For comparison.")
        await source.press("Accept: we will send it")
        await source.sees("ZX1 has accepted and sends 1 study from its PACS")
        await source.must_be_without_barriers()
        # The source names no destination: only the match says where the study goes.
        push(peers, exchange.port("dicom"), "IEP", tmp_path)

        await officer.eventually_sees("/worklist", reference)
        row = officer.page.get_by_role("article").filter(has_text=reference)
        await officer.choose(row.get_by_label("Release", exact=False).first, "Space")
        if width == WIDE:
            # The others find it filled in: the first release has taught the exchange whom ZX3 calls so.
            await officer.type_into(row.get_by_label("Your Patient ID", exact=False), "E0815")
        await officer.type_into(row.get_by_label("Your Accession Number", exact=False), f"A{width}")
        await officer.must_be_without_barriers()
        await officer.press("Release what is ticked")

        await clinician.go(f"/transactions/{reference}")
        await clinician.sees("Fulfilled: 1 of 1 study delivered to ZX3.")
        assert count(peers, "ZX3_PACS", exchange.port("ZX3_PACS"), study.study_instance_uid) == 4
        await clinician.eventually_sees("/mailbox", "clinician.zx3@zx3.example")
        mails = exchange.mails(reference)
        assert any("clinician.zx3@zx3.example" in mail.recipients for mail in mails)
        assert not any(FARAH.nhs_number in mail.body or "TESTPATIENT" in mail.body.upper() for mail in mails)


async def test_declined_with_a_reason(exchange: Exchange, browser: Browser) -> None:
    async with (
        at_work(browser, exchange, "clinician.zx3") as clinician,
        at_work(browser, exchange, "officer.zx1") as source,
    ):
        reference = await clinician.asks("ZX1", EVIE, "MRI of the knee")
        await source.eventually_sees("/", reference)
        await source.go(f"/transactions/{reference}")
        await source.unfold("Decline")
        await source.fill("Why is nothing sent?", "No such study was done here.")
        await source.press("Decline")
        await source.sees("Declined by ZX1: No such study was done here. Nothing is sent.")
        await clinician.sees("Declined by ZX1: No such study was done here. Nothing is sent.")


async def test_asked_back_answered_and_withdrawn(exchange: Exchange, browser: Browser) -> None:
    async with (
        at_work(browser, exchange, "clinician.zx3") as clinician,
        at_work(browser, exchange, "officer.zx1") as source,
    ):
        reference = await clinician.asks("ZX1", BORIS, "Ultrasound")
        await source.eventually_sees("/", reference)
        await source.go(f"/transactions/{reference}")
        await source.unfold("Ask back")
        await source.fill("What do you want to know?", "Of which side?")
        await source.press("Ask")
        await source.sees("ZX1 asks ZX3 back: Of which side? The requester answers.")
        await clinician.eventually_sees("/", reference)
        await clinician.go(f"/transactions/{reference}")
        await clinician.fill("Your answer to ZX1", "The left one.")
        await clinician.press("Answer")
        await clinician.sees("ZX1's PACS officer accepts, sends, asks back or declines")
        await source.go(f"/transactions/{reference}")
        await source.sees("The left one.")
        await clinician.unfold("Withdraw it")
        await clinician.fill("Why is it not needed any more?", "Seen elsewhere.")
        await clinician.press("Withdraw")
        await clinician.sees("Withdrawn by ZX3: Seen elsewhere. Nothing more is awaited.")
        # The other one's page is still open as it was.
        await source.press("Accept: we will send it")
        await source.sees("Too late")


async def test_held_with_two_candidates(exchange: Exchange, browser: Browser, peers: Peers, tmp_path: Path) -> None:
    study = site.study(tmp_path, "two-candidates", 3, DILYS)
    async with (
        at_work(browser, exchange, "clinician.zx2") as one,
        at_work(browser, exchange, "clinician.zx3") as other,
        at_work(browser, exchange, "officer.zx1") as source,
    ):
        first = await one.asks("ZX1", DILYS, "CT Thorax", with_nhs_number=False)
        second = await other.asks("ZX1", DILYS, "CT Thorax", with_nhs_number=False)
        await source.eventually_sees("/", second)
        push(peers, exchange.port("dicom"), "IEP", tmp_path)
        await source.eventually_sees("/held", "Two requests fit; choose.")
        await source.must_be_without_barriers()
        row = source.page.get_by_role("row").filter(has_text=first)
        await row.get_by_role("button", name="It answers this").click()
        await one.go(f"/transactions/{first}")
        await one.sees("Fulfilled: 1 of 1 study delivered to ZX2.")
        assert count(peers, "ZX2_PACS", exchange.port("ZX2_PACS"), study.study_instance_uid) == 3
        assert count(peers, "ZX3_PACS", exchange.port("ZX3_PACS"), study.study_instance_uid) == 0
        await other.go(f"/transactions/{second}")
        await other.sees("ZX1's PACS officer accepts, sends, asks back or declines")


async def test_refused_from_the_worklist(exchange: Exchange, browser: Browser, peers: Peers, tmp_path: Path) -> None:
    site.study(tmp_path, "not-wanted", 2, CHIDI)
    push(peers, exchange.port("dicom"), "IEP_ZX3", tmp_path)
    async with (
        at_work(browser, exchange, "officer.zx3") as officer,
        at_work(browser, exchange, "officer.zx1") as source,
    ):
        await officer.eventually_sees("/worklist", "CHIDI")
        row = officer.page.get_by_role("article").filter(has_text="CHIDI")
        reference = await row.locator("h2 a.iep-reference").inner_text()
        await row.locator("summary").click()
        await row.get_by_label("Why is it refused?").fill("We do not know this patient.")
        await row.get_by_role("button", name="Refuse").click()
        await source.go(f"/transactions/{reference}")
        await source.sees("Refused by ZX3: We do not know this patient. Nothing was sent.")


async def test_forwarded_onward(exchange: Exchange, browser: Browser, peers: Peers, tmp_path: Path) -> None:
    study = site.study(tmp_path, "onward", 2, BORIS)
    push(peers, exchange.port("dicom"), "IEP_ZX2", tmp_path)
    (sent,) = exchange.in_state(study.study_instance_uid, "confirmed")
    async with at_work(browser, exchange, "officer.zx2") as hub, at_work(browser, exchange, "officer.zx3") as third:
        await hub.go(f"/transactions/{sent.transaction.reference}/forward")
        await hub.page.get_by_label("Forward it to").select_option(index=1)
        await hub.fill("Why?", "For the meeting on Thursday.")
        await hub.must_be_without_barriers()
        await hub.press("Forward")
        await third.eventually_sees("/worklist", "For the meeting on Thursday.")
        row = third.page.get_by_role("article").filter(has_text="For the meeting on Thursday.")
        await row.get_by_label("Release", exact=False).first.check()
        await third.press("Release what is ticked")
        await hub.go(f"/transactions/{sent.transaction.reference}")
        reference = await hub.page.locator('dt:has-text("Followed by") + dd a').first.inner_text()
        await hub.go(f"/transactions/{reference}")
        await hub.sees("Confirmed: 2 of 2 are in ZX3_PACS, by its own answer.")
        assert count(peers, "ZX3_PACS", exchange.port("ZX3_PACS"), study.study_instance_uid) == 2


async def test_a_parked_destination_is_run_again_from_the_support_page(
    exchange: Exchange, browser: Browser, peers: Peers, recorder: RecordingPacs, tmp_path: Path
) -> None:
    study = site.study(tmp_path, "for-support", 3)
    recorder.refuse(0xA900)
    try:
        push(peers, exchange.port("dicom"), "IEP_ZX7", tmp_path)
        (one,) = exchange.in_state(study.study_instance_uid, "needs-attention")
    finally:
        recorder.refuse(None)
    reference = one.transaction.reference
    async with at_work(browser, exchange, "support") as support:
        await support.eventually_sees("/support", reference)
        await support.go(f"/support/{reference}")
        await support.sees("Stopped at 0 of 3")
        await support.must_be_without_barriers()
        assert "TESTPATIENT" not in (await support.page.content()).upper()
        await support.fill("Why is it sent again?", "The PACS takes images again.")
        await support.press("Send what is missing again")
        exchange.in_state(study.study_instance_uid, "confirmed")
        await support.unfold("Run again")
        await support.fill("Why is it run again?", "To see that nothing is doubled.")
        await support.press("Run again")
        await support.go(f"/support/{reference}")
        await support.sees("Confirmed: 3 of 3 are in ZX7_PACS")
        await support.sees("To see that nothing is doubled.")
    assert count(peers, "ZX7_PACS", recorder.port, study.study_instance_uid) == 3
