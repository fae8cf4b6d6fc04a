"""The frame around every page: a Flask application that apologises well, checks forms, and has no page yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, render_template
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import HTTPException, InternalServerError

from web.look import SignedIn, dress

# One plain sentence with the next step; nothing about what the page would have shown.
APOLOGIES = {
    400: (
        "That did not go through",
        "The form was incomplete or too old; go back, reload the page and send it again.",
    ),
    403: (
        "You may not open this",
        "Your role does not include this; ask a colleague whose role does.",
    ),
    404: ("There is no such page", "Check the address, or start from Home and search for the reference."),
    405: ("That cannot be opened directly", "Go back to the page you came from and use its button."),
    413: ("That file is too large", "Send a smaller file, or send images through your PACS."),
    422: ("That cannot be read", "It holds characters that no keyboard makes; type it again instead of pasting it."),
    429: ("Too many tries", "Wait a minute, then try again."),
    500: (
        "Something went wrong here",
        "Nothing that was saved is lost; try again, and ring support if it stays.",
    ),
    503: (
        "The exchange's records are not available",
        "What your PACS sends is still received and kept; try this page again in a minute.",
    ),
}


def apologise(error: HTTPException) -> tuple[str, int]:
    """The error page: what happened and what to do next."""
    code = error.code or InternalServerError.code
    title, sentence = APOLOGIES.get(code, APOLOGIES[500 if code >= 500 else 400])
    return render_template("error.html", title=title, sentence=sentence, code=code), code


def framed(
    config: Mapping[str, Any],
    signed_in: Callable[[], SignedIn | None] = lambda: None,
    before_forms: Callable[[Flask], None] = lambda app: None,
) -> Flask:
    """The application without pages; the caller adds its blueprints.

    `config` is Flask's (SECRET_KEY at least); `signed_in` answers who makes the present request, if anybody;
    `before_forms` adds what must look at a request before its form is checked.
    """
    app = Flask(__name__)
    app.config.from_mapping(SESSION_COOKIE_SAMESITE="Lax", MAX_CONTENT_LENGTH=32 * 1024 * 1024)
    app.config.from_mapping(config)
    dress(app, signed_in)
    before_forms(app)
    CSRFProtect(app)
    app.register_error_handler(HTTPException, apologise)
    return app
