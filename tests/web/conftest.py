"""Fixtures of the tests of the portal."""

from tests.web.browser import browser, browser_page

__all__ = ["browser", "browser_page"]
