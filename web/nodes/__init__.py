"""Nodes: how each stands, and what a person may do with it."""

from web.nodes import downtime, hold, listing, resume, show, test
from web.nodes.blueprint import blueprint

__all__ = ["blueprint", "downtime", "hold", "listing", "resume", "show", "test"]
