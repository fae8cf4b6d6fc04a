"""Transactions: their list, each one's page, and the decisions people take on it."""

from web.transactions import (
    abandon,
    accept,
    ask_back,
    assign,
    decline,
    forward,
    listing,
    match,
    recognise,
    redirect,
    refuse,
    release,
    retry,
    set_aside,
    show,
    withdraw,
)
from web.transactions.blueprint import blueprint

__all__ = [
    "abandon",
    "accept",
    "ask_back",
    "assign",
    "blueprint",
    "decline",
    "forward",
    "listing",
    "match",
    "recognise",
    "redirect",
    "refuse",
    "release",
    "retry",
    "set_aside",
    "show",
    "withdraw",
]
