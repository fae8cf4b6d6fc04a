"""References that people can say over the phone: T-7F3K-2Q, without letters that look or sound alike."""

from __future__ import annotations

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def reference_in(words: str) -> str:
    """The reference that `words` may be, as people say it: small letters, spaces and a missing T- do not matter."""
    letters = "".join(letter for letter in words.upper() if letter.isalnum())
    letters = letters.removeprefix("T") if len(letters) == 8 else letters
    return f"T-{letters[:4]}-{letters[4:]}" if len(letters) == 7 and set(letters) <= set(ALPHABET) else ""


def new_reference() -> str:
    """A fresh reference; the database's unique constraint decides whether it is taken."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(7))
    return f"T-{letters[:4]}-{letters[4:]}"
