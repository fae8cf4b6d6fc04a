"""The worklist: what waits for this Institution's release, and what its PACS officers do about it."""

from web.worklist import reassign, refuse, release, show
from web.worklist.blueprint import blueprint

__all__ = ["blueprint", "reassign", "refuse", "release", "show"]
