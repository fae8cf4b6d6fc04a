"""Fixtures of the tests of the portal."""

from tests.database import database, postgres, registry
from tests.web.browser import browser, browser_page

__all__ = ["browser", "browser_page", "database", "postgres", "registry"]
