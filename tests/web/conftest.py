"""Fixtures of the tests of the portal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.db import Database
from tests.web.browser import browser, browser_page
from tests.web.serving import Portal, serving

__all__ = ["browser", "browser_page"]


@pytest.fixture(scope="session")
def shared_portal(reused: Database) -> Iterator[Portal]:
    """One portal for all tests with a browser, over the database that is emptied between them."""
    url = reused.engine.url.render_as_string(hide_password=False)
    with serving("tests.web.portal:from_environment", {"IEP_TEST_DATABASE": url}) as running:
        yield running
