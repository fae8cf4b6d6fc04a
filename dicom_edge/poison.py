"""Telling what the database can never hold from a database that is not itself at present."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError


def is_poison(error: Exception) -> bool:
    """Whether the values are at fault. A standby, a full disk or a missing table says nothing about the values."""
    if isinstance(error, StatementError):
        # Without an error of the driver behind it: the values did not even reach the driver.
        return isinstance(error, DataError | IntegrityError) or not isinstance(error, DBAPIError)
    return isinstance(error, ValueError | KeyError)
