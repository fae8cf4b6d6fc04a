"""Sending: the own PACS is searched, studies are picked, a transfer is placed."""

from web.send import looking, place, series, sheet, sheets, show
from web.send.blueprint import blueprint

__all__ = ["blueprint", "looking", "place", "series", "sheet", "sheets", "show"]
