"""What people see while PostgreSQL is stopped or stands still, and that nothing of the portal hangs by it."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.end_to_end.exchange import Exchange
from tests.end_to_end.people import at_work
from tests.faults.database_away import AWAY, children
from tests.web.browser import browser

__all__ = ["browser"]
pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 24
"""More than the portal has threads."""
BEYOND = 24
"""Threads that the portal may start beyond those that it had: its own are started as they are needed, 8 a process."""
LONGEST = 60
"""Seconds after which an answer counts as none."""


@pytest.mark.parametrize("way", AWAY)
async def test_pages_say_so_and_nothing_piles_up(exchange: Exchange, browser: Browser, way: str) -> None:
    async with at_work(browser, exchange, "officer.zx1") as officer:
        await officer.go("/transactions")
        cookie = "; ".join(f"{one['name']}={one['value']}" for one in await officer.page.context.cookies())
        before = threads(exchange)
        with AWAY[way](exchange):
            await officer.go("/transactions")
            await officer.sees("What your PACS sends is still received and kept; try this page again in a minute.")
            with ThreadPoolExecutor(AT_ONCE) as many:
                codes = list(many.map(lambda _: status(exchange, cookie), range(AT_ONCE)))
            assert codes == [503] * AT_ONCE
            assert threads(exchange) <= before + BEYOND
        await officer.eventually_sees("/transactions", "Transactions")
    assert threads(exchange) <= before + BEYOND


def status(exchange: Exchange, cookie: str) -> int:
    address = f"http://127.0.0.1:{exchange.port('web')}/worklist"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Cookie": cookie}), timeout=LONGEST) as a:
            return int(a.status)
    except urllib.error.HTTPError as answer:
        return answer.code


def threads(exchange: Exchange) -> int:
    """Of all processes of the portal."""
    pids = [exchange.pid("web"), *children(exchange.pid("web"))]
    return sum(len(os.listdir(Path("/proc", str(pid), "task"))) for pid in pids)
