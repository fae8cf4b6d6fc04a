"""Worklist, held desk and forwarding in a browser: by keyboard alone, on a phone and on a ward PC."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from models.db import Database
from models.domain.identity import PatientFacts
from models.tables import Agreement, Delivery, LocalPatient, OutboxCommand, Transaction, Worklist, now
from tests.database import PASSWORD, Registry
from tests.web.browser import NARROW, WIDE, axe, overflow
from tests.web.seeded import Seed
from tests.web.seeded_requests import add_candidate, add_request
from tests.web.serving import Portal

WITHOUT_NHS_NUMBER = PatientFacts("ZX1-0099", "", "PLACEHOLDER^Carl", "19700101", "M")


@pytest.fixture
def references(database: Database, registry: Registry) -> list[str]:
    """What waits at ZX2, the one that is asked first first; and a held study of ZX2 that two requests fit."""
    with database.begin() as session:
        seed = Seed(session, registry)
        session.get_one(Agreement, ("ZX1", "ZX2")).onward = True
        neuro = Worklist(institution_id="ZX2", name="Neuro", node_id=registry.nodes["ZX2_PACS"], is_default=False)
        session.add(neuro)
        known = {"PatientName": "EXAMPLE^Agnetha", "PatientBirthDate": "19510203", "learned_at": now()}
        session.add(LocalPatient(institution_id="ZX2", patient_id="H77", nhs_number="9990000018", **known))
        last = seed.delivery("on-worklist", patient=WITHOUT_NHS_NUMBER, description="MR knee")
        waiting = [
            last,
            *(seed.delivery("on-worklist") for _ in range(2)),
            seed.delivery("on-worklist", urgency="urgent"),
        ]
        session.scalars(select(Delivery).where(Delivery.transaction_id == last.id)).one().identity = None
        asked = add_request(session, registry)
        add_candidate(session, asked.studies[0], waiting[1], answers=True)
        add_candidate(session, asked.studies[1], waiting[2])
        held = seed.arrival("held", "ZX2")
        for _ in range(2):
            add_candidate(session, add_request(session, registry, source="ZX2", requester="ZX3").studies[0], held)
        return [waiting[3].reference, *(one.reference for one in waiting[:3])]


# Named before `browser_page` by every test: a browser that outlives the portal complains.
@pytest.fixture
def portal(shared_portal: Portal, references: list[str]) -> Portal:
    return shared_portal


async def reach(page: Page, sought: str) -> None:
    """Press Tab until the element of that id, or the button or link of that text, has the focus."""
    for _ in range(120):
        await page.keyboard.press("Tab")
        focused = await page.evaluate("[document.activeElement.id, document.activeElement.innerText.trim()]")
        # A part for screen readers alone is a line of its own.
        if sought in (focused[0], *map(str.strip, focused[1].split("\n"))):
            return
    pytest.fail(f"{sought} cannot be reached by keyboard")


async def sign_in(page: Page, portal: Portal, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto(portal.address + "/sign-in")
    await page.get_by_label("User name").fill("officer.zx2")
    await page.locator("#password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(portal.address + "/")


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_three_are_released_by_keyboard_alone(
    portal: Portal, browser_page: Page, database: Database, references: list[str], width: int
) -> None:
    page = browser_page
    await sign_in(page, portal, width)
    if width == NARROW:
        await reach(page, "More")
        await page.keyboard.press("Enter")
    await reach(page, "Worklist")
    await page.keyboard.press("Enter")
    await expect(page.locator(".iep-lead")).to_contain_text("4 wait, 1 of them urgent")
    assert await axe(page) == []
    assert await overflow(page) == 0
    with database.begin() as session:
        rows = session.execute(
            select(Transaction.reference, Delivery.id).join(Delivery, Delivery.transaction_id == Transaction.id)
        )
        ids = {row[0]: row[1] for row in rows}
    for reference in references[:3]:
        await reach(page, f"tick-{ids[reference]}")
        await page.keyboard.press("Space")
    needed = ids[references[1]]
    await reach(page, "Release what is ticked")
    await page.keyboard.press("Enter")
    await expect(page.locator(".nhsuk-error-summary")).to_contain_text("Enter your own Patient ID")
    await expect(page.locator(".iep-message")).to_have_text("2 studies released.")
    assert await axe(page) == []
    assert await overflow(page) == 0
    await reach(page, f"patient_id-{needed}")
    await page.keyboard.type("L-77")
    await reach(page, "Release what is ticked")
    await page.keyboard.press("Enter")
    await expect(page.locator(".iep-message")).to_have_text("1 study released.")
    with database.begin() as session:
        asked = {row.subject_id: dict(row.payload) for row in session.scalars(select(OutboxCommand))}
    assert all(typed.pop("seen").startswith("on-worklist:") for typed in asked.values())
    assert asked == {
        ids[references[0]]: {"patient_id": "H77", "accession": ""},
        ids[references[2]]: {"patient_id": "H77", "accession": ""},
        needed: {"patient_id": "L-77", "accession": ""},
    }


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_the_held_desk_and_forwarding_without_barriers(
    portal: Portal, browser_page: Page, references: list[str], width: int
) -> None:
    page = browser_page
    await sign_in(page, portal, width)
    await page.goto(f"{portal.address}/held")
    await expect(page.get_by_text("Two requests fit; choose.")).to_be_visible()
    await page.locator("summary", has_text="Assign or refuse").press("Enter")
    assert await axe(page) == []
    assert await overflow(page) == 0
    await page.goto(f"{portal.address}/worklist?reference={references[0]}")
    await page.locator("summary", has_text="Refuse, reassign or forward").press("Enter")
    assert await axe(page) == []
    assert await overflow(page) == 0
    await reach(page, "Forward it to a third Institution")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Forward it to")).to_be_visible()
    assert await axe(page) == []
    assert await overflow(page) == 0
