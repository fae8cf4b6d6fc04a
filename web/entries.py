"""What people type into forms, checked: each function answers with the value or raises Wrong with what to do."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import UnprocessableEntity

from models.domain.identity import LONG_STRING, SHORT_STRING

REASON = 500


class Wrong(ValueError):
    """`field` is the id of the input concerned; the message tells how to put it right."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


def must_be_typeable() -> None:
    """Turns away a request with a NUL, which no keyboard makes and no column of the database takes."""
    given = [*request.form.items(multi=True), *request.args.items(multi=True), *(request.view_args or {}).items()]
    if any("\0" in str(text) for pair in given for text in pair):
        raise UnprocessableEntity


def patient_id(text: str) -> str:
    """A Patient ID that every PACS takes (value representation LO)."""
    if not text.strip():
        raise Wrong("patient_id", "Enter your own Patient ID for this patient.")
    return _identifier("patient_id", "Patient ID", text, LONG_STRING)


def accession(text: str) -> str:
    """An Accession Number (value representation SH); it may be empty."""
    return _identifier("accession", "Accession Number", text, SHORT_STRING)


def reason(text: str, field: str) -> str:
    """Why, in a sentence that the other side reads."""
    text = " ".join(text.split())
    if not text:
        raise Wrong(field, "Give a reason; the other side reads it.")
    if not text.isprintable():
        raise Wrong(field, "Give a reason without control characters; type it instead of pasting it.")
    if len(text) > REASON:
        raise Wrong(field, f"Give a reason of at most {REASON} characters.")
    return text


def _identifier(field: str, name: str, text: str, longest: int) -> str:
    text = text.strip()
    if len(text) > longest:
        raise Wrong(field, f"The {name} may have {longest} characters at most; this has {len(text)}.")
    if "\\" in text or not text.isprintable():
        raise Wrong(field, f"The {name} may not contain a backslash or control characters.")
    return text
