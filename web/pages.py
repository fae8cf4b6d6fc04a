"""Where a list goes on: a key inside an address, so that what arrives meanwhile shifts no page."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import abort, request

from models.queries.transactions import Cursor


def after() -> Cursor | None:
    """The key that the address names; None for the first page. What is no key answers "not found"."""
    time, _, key = request.args.get("after", "").partition("~")
    if not key:
        return None
    try:
        return Cursor(datetime.fromisoformat(time).astimezone(UTC), key)
    except (ValueError, OverflowError):
        abort(404)


def written(cursor: Cursor) -> str:
    return f"{cursor.opened_at.isoformat()}~{cursor.id}"
