"""The support desk: find anything, see what happened to it, and mend it, without seeing a patient."""

from web.support import acts, banner, contacts, desk, disclose, find, match_again, notes, resend, run_again, show
from web.support.blueprint import blueprint

__all__ = [
    "acts",
    "banner",
    "blueprint",
    "contacts",
    "desk",
    "disclose",
    "find",
    "match_again",
    "notes",
    "resend",
    "run_again",
    "show",
]
