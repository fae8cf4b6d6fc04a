"""Transactions: their list, each one's page, and the decisions people take on it."""

from web.transactions import abandon, assign, listing, redirect, refuse, release, retry, show
from web.transactions.blueprint import blueprint

__all__ = ["abandon", "assign", "blueprint", "listing", "redirect", "refuse", "release", "retry", "show"]
