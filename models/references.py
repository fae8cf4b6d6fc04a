"""References that people can say over the phone: T-7F3K-2Q, without letters that look or sound alike."""

from __future__ import annotations

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_reference() -> str:
    """A fresh reference; the database's unique constraint decides whether it is taken."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(7))
    return f"T-{letters[:4]}-{letters[4:]}"
