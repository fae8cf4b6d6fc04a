"""The support desk in a browser: by keyboard, on a phone and on a ward PC, without barriers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from models.db import Database
from models.domain.contracts import CommandKind
from models.shift import add_contact, set_banner, write_note
from models.support import ask_act, disclose
from models.tables import Delivery, OutboxCommand, SupportAct, WebSession, new_id, now
from tests.database import PASSWORD, Registry
from tests.web.browser import NARROW, WIDE, axe, overflow
from tests.web.seeded import Seed
from tests.web.serving import Portal
from web.sessions import IDLE


@pytest.fixture
def reference(database: Database, registry: Registry) -> str:
    """A parked transaction with everything that support may have done about it."""
    who = registry.accounts["support.zx1"]
    with database.begin() as session:
        seed = Seed(session, registry)
        one = seed.delivery("needs-attention", urgency="urgent")
        seed.delivery("differs-at-destination")
        seed.arrival("held")
        seed.held_object("ZX1", institution_id=None)
        delivery = session.query(Delivery).filter_by(transaction_id=one.id).one()
        ask_act(
            session, new_id(), kind=CommandKind.RETRY_DELIVERY, subject_id=delivery.id, institution_id="ZX2",
            transaction_id=one.id, account_id=who, reason="The class is registered now.",
        )  # fmt: skip
        disclose(session, one, who, "Two patients of one name.", timedelta(0))
        write_note(session, new_id(), "Please register the class.", who, transaction_id=one.id, to="ZX2")
        set_banner(session, "ZX2's PACS is serviced until 06:00.", who)
        add_contact(
            session, who, institution_id="ZX2", name="Ann Oncall", phone="01632 960099", duty="PACS on call",
            on_call_from=now() - timedelta(hours=1), on_call_to=now() + timedelta(hours=8),
        )  # fmt: skip
        session.add(
            OutboxCommand(
                id=new_id(),
                institution_id="ZX2",
                kind="release-delivery",
                subject_id="x",
                actor="exchange",
                created_at=now() - timedelta(hours=1),
                next_try_at=now(),
            )
        )
        return one.reference


# Named before `browser_page` by every test: a browser that outlives the portal complains.
@pytest.fixture
def portal(shared_portal: Portal, reference: str) -> Portal:
    return shared_portal


async def sign_in(page: Page, portal: Portal, username: str) -> None:
    await page.goto(portal.address + "/sign-in")
    await page.locator("#username").fill(username)
    await page.locator("#password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(portal.address + "/")


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_a_parked_transaction_is_found_and_sent_again(
    portal: Portal, browser_page: Page, reference: str, width: int
) -> None:
    page = browser_page
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal, "support.zx3")
    await expect(page.get_by_text("ZX2's PACS is serviced until 06:00.")).to_be_visible()
    await page.goto(f"{portal.address}/support")
    assert await axe(page) == []
    assert await overflow(page) == 0
    await page.locator("#sought").fill("zx2_pacs")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 record found.")).to_be_visible()
    assert await axe(page) == []
    await page.goto(f"{portal.address}/support")
    await page.locator("#sought").fill(reference.lower().replace("-", " "))
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/support/{reference}")
    for summary in await page.locator("summary").all():
        await summary.press("Enter")
    assert await axe(page) == []
    assert await overflow(page) == 0
    await page.locator("#resend_reason").fill("ZX2 has registered the class.")
    await page.get_by_role("button", name="Send what is missing again").press("Enter")
    await expect(page.locator(".iep-message")).to_have_text("What is missing is sent again.")
    await page.locator("#disclose_reason").fill("Two patients of one name.")
    await page.get_by_role("button", name="Show the patient").press("Enter")
    await expect(page.get_by_text("EXAMPLE, Agnes")).to_be_visible()


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_an_officer_reads_what_support_did(portal: Portal, browser_page: Page, width: int) -> None:
    page = browser_page
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal, "officer.zx2")
    await page.goto(f"{portal.address}/support-acts")
    await expect(page.get_by_text("1 act of support nobody has signed yet.")).to_be_visible()
    assert await axe(page) == []
    assert await overflow(page) == 0
    await page.get_by_role("button", name="I have looked at it").press("Enter")
    await expect(page.locator(".iep-message")).to_have_text("Signed.")
    await page.get_by_role("button", name="I have seen it").press("Enter")
    await expect(page.locator(".iep-message")).to_have_text("Ticked off.")


async def test_the_incident_summary_is_copied_by_one_button(portal: Portal, browser_page: Page, reference: str) -> None:
    page = browser_page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await sign_in(page, portal, "support.zx3")
    await page.goto(f"{portal.address}/support/{reference}")
    await page.locator("summary", has_text="Incident summary").click()
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"Reference {reference} ")
    assert "Agnes" not in copied


async def interrupted(page: Page, portal: Portal, database: Database, reference: str) -> None:
    """Somebody of support sends a reason after the session has ended, and gets the sign-in page."""
    await sign_in(page, portal, "support.zx3")
    await page.goto(f"{portal.address}/support/{reference}")
    await page.get_by_text("Abandon it").click()
    await page.locator("#abandon_reason").fill("It went on a disc.")
    with database.begin() as session:
        for one in session.query(WebSession):
            one.last_seen_at = now() - IDLE
    await page.get_by_role("button", name="Abandon").click()
    await expect(page.locator("#username")).to_be_visible()


async def signed_in_again(page: Page, username: str) -> None:
    # By then the page's script has run, which knows where to go on.
    await page.wait_for_load_state()
    await page.locator("#username").fill(username)
    await page.locator("#password").fill(PASSWORD)
    await page.keyboard.press("Enter")


async def test_a_reason_outlives_the_session(
    portal: Portal, browser_page: Page, database: Database, reference: str
) -> None:
    page, address = browser_page, f"{portal.address}/support/{reference}"
    await interrupted(page, portal, database, reference)
    await signed_in_again(page, "support.zx3")
    await page.wait_for_url(address)
    await expect(page.locator("#abandon_reason")).to_be_visible()
    await expect(page.locator("#abandon_reason")).to_have_value("It went on a disc.")
    await page.get_by_role("button", name="Abandon").click()
    await expect(page.get_by_text("Support: abandon delivery. “It went on a disc.”")).to_be_visible()
    with database.begin() as session:
        assert [one.reason for one in session.query(SupportAct).filter_by(kind="abandon-delivery")] == [
            "It went on a disc."
        ]
    await expect(page.locator("#abandon_reason")).to_have_value("")
    assert await page.evaluate("sessionStorage.getItem('typed')") is None


async def test_nobody_else_reads_a_reason_that_was_interrupted(
    portal: Portal, browser_page: Page, database: Database, reference: str
) -> None:
    page, address = browser_page, f"{portal.address}/support/{reference}"
    await interrupted(page, portal, database, reference)
    await signed_in_again(page, "support.zx1")
    await page.wait_for_url(address)
    await expect(page.locator("#abandon_reason")).to_have_value("")
    assert await page.evaluate("sessionStorage.getItem('typed')") is None
