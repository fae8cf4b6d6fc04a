"""Requests: asking another Institution for studies, the drafts of that, and the lists of what is asked."""

from web.requests import drafts, listing, place
from web.requests.blueprint import blueprint

__all__ = ["blueprint", "drafts", "listing", "place"]
