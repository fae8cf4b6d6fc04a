"""Passwords: which ones are accepted, how they are kept, and whether one is right."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

SHORTEST = 15
"""NIST SP 800-63B-4, Section 3.1.1.2: 15 characters where the password is the only factor, and no composition rules."""

LONGEST = 256
STRONG = 3
LOOKED_AT = 72
"""zxcvbn looks at no more characters than this."""

_hasher = PasswordHasher()  # argon2id, RFC 9106's low-memory parameters


def weakness(password: str, about: Iterable[str] = ()) -> str:
    """Why `password` is not accepted, as a sentence with the next step; empty when it is.

    `about` are words that others would try first: the user's name, the Institution.
    """
    if len(_normal(password)) < SHORTEST:
        return f"Choose at least {SHORTEST} characters; three or four unrelated words are easy to keep in mind."
    if len(password) > LONGEST:
        return f"Choose at most {LONGEST} characters."
    guessed_first = [word for phrase in about for word in (*phrase.split(), phrase.replace(" ", "")) if word]
    if zxcvbn(_normal(password)[:LOOKED_AT], guessed_first)["score"] < STRONG:
        return "That is easy to guess; choose three or four unrelated words instead."
    return ""


def hash_password(password: str) -> str:
    """The argon2id hash to keep, with its own salt and parameters."""
    return _hasher.hash(_normal(password))


def is_right(kept: str | None, password: str) -> bool:
    """Whether `password` is the one that was kept. With `kept` None it takes as long, and is always wrong."""
    try:
        return _hasher.verify(kept or _nobodys(), _normal(password[: LONGEST + 1])) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of nobody")


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
