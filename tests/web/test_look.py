"""The frame of every page: headers, escaping, apologies, and how it looks in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.async_api import Page

from tests.web.browser import NARROW, WIDE, axe, overflow
from tests.web.sample import HOSTILE, make_app
from tests.web.serving import serving
from web.assets import VENDOR, style_sheet
from web.frame import framed
from web.look import SignedIn


@pytest.fixture(scope="module")
def app() -> Flask:
    return make_app()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving("tests.web.sample:make_app") as portal:
        yield portal.address


def test_the_policy_allows_nothing_inline(app: Flask) -> None:
    answer = app.test_client().get("/held")
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    nonces = re.findall(r"'nonce-([^']+)'", policy)
    assert len(nonces) == 1
    for attributes in re.findall(r"<script([^>]*)>", answer.text):
        assert "src=" in attributes or f'nonce="{nonces[0]}"' in attributes
    assert not re.search(r"\sstyle=|\son\w+=|<style", answer.text)
    again = app.test_client().get("/held")
    assert nonces[0] not in again.headers["Content-Security-Policy"], "a nonce is used once"


@pytest.mark.parametrize("path", ["/held", "/file", "/nowhere", "/broken"])
def test_no_answer_stays_in_a_cache(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_static_files_may_be_kept(app: Flask) -> None:
    with app.test_client().get("/static/site.css") as answer:
        assert answer.status_code == 200
        assert "no-store" not in answer.headers["Cache-Control"]


def test_the_macros_escape_what_people_entered(app: Flask) -> None:
    text = app.test_client().get("/held").text
    assert HOSTILE not in text
    assert text.count("&lt;script&gt;") == 2, "once by the page, once by the tag macro of nhsuk-frontend"


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/nowhere", 404, "Check the address"),
        ("/refused", 403, "ask a colleague whose role does"),
        ("/broken", 500, "try again"),
    ],
)
def test_an_apology_says_the_next_step_and_no_more(app: Flask, path: str, code: int, words: str) -> None:
    answer = app.test_client().get(path)
    assert answer.status_code == code
    assert words in answer.text
    assert answer.text.count("<h1") == 1
    assert "Agnes" not in answer.text


def test_a_form_without_its_token_is_refused(app: Flask) -> None:
    answer = app.test_client().post("/held")
    assert answer.status_code == 400
    assert "reload the page" in answer.text


def test_the_apology_works_while_nobody_can_say_who_is_signed_in() -> None:
    def database_is_down() -> SignedIn:
        raise ConnectionError

    app = framed({"SECRET_KEY": "only for this test"}, database_is_down)
    answer = app.test_client().get("/nowhere")
    assert answer.status_code == 500
    assert "Nothing that was saved is lost" in answer.text


def test_no_identity_of_the_health_service(app: Flask) -> None:
    text = app.test_client().get("/held").text
    assert "NHS England" not in text
    assert "nhsuk-header__logo" not in text


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_a_page_is_accessible_and_fits(browser_page: Page, address: str, width: int) -> None:
    await browser_page.set_viewport_size({"width": width, "height": 900})
    for path in ("/held", "/nowhere"):
        await browser_page.goto(address + path)
        assert await browser_page.get_attribute("html", "lang") == "en-GB"
        assert await browser_page.locator("h1").count() == 1
        assert await axe(browser_page) == []
        assert await overflow(browser_page) == 0


async def test_a_live_part_refreshes_itself(browser_page: Page, address: str) -> None:
    await browser_page.goto(address + "/live")
    for n in (1, 2):
        await browser_page.get_by_text(f"answer {n}", exact=True).wait_for(timeout=15_000)
        await browser_page.locator("#part").dispatch_event("wake")
    show = browser_page.get_by_role("button", name="Show password")
    await show.wait_for(timeout=15_000)  # the script of the component ran on what htmx put in
    kept = await browser_page.evaluate("Object.keys({...localStorage, ...sessionStorage})")
    assert "htmx-history-cache" not in kept, "pages about patients stay in no cache, nor in the browser's store"


async def test_the_first_tab_skips_to_the_content(browser_page: Page, address: str) -> None:
    await browser_page.goto(address + "/nowhere")
    await browser_page.keyboard.press("Tab")
    assert await browser_page.evaluate("document.activeElement.getAttribute('href')") == "#maincontent"


def test_the_style_sheet_asks_no_other_host() -> None:
    for file in VENDOR.glob("*.css"):
        assert not re.search(r"url\((?!/static/|data:)", file.read_text())
    with pytest.raises(ValueError, match="does not know"):
        style_sheet("a{background:url(//elsewhere.example/a.png)}")
