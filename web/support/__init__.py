"""The support desk: find anything, see what happened to it, and mend it, without seeing a patient."""

from web.support import (
    abandon,
    acts,
    banner,
    contacts,
    desk,
    disclose,
    find,
    match_again,
    notes,
    redirect,
    resend,
    run_again,
    show,
)
from web.support.blueprint import blueprint

__all__ = [
    "abandon",
    "acts",
    "banner",
    "blueprint",
    "contacts",
    "desk",
    "disclose",
    "find",
    "match_again",
    "notes",
    "redirect",
    "resend",
    "run_again",
    "show",
]
