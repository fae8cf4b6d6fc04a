"""How every page looks and what a browser may do with it: templates, security headers, who is signed in."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, g, request
from jinja2 import ChainableUndefined, ChoiceLoader, FileSystemLoader, PackageLoader

PRODUCT = "Image Exchange"


@dataclass(frozen=True)
class Place:
    """An entry of the navigation."""

    label: str
    path: str

    def is_around(self, path: str) -> bool:
        """Whether a page at `path` lies in this place."""
        return path == self.path or (self.path != "/" and path.startswith(self.path + "/"))


NAVIGATION = (
    Place("Home", "/"),
    Place("Transactions", "/transactions"),
    Place("Requests", "/requests"),
    Place("Send", "/send"),
    Place("Worklist", "/worklist"),
    Place("Held", "/held"),
    Place("Nodes", "/nodes"),
    Place("Support", "/support"),
    Place("Support acts", "/support-acts"),
    Place("Mailbox", "/mailbox"),
)


@dataclass(frozen=True)
class SignedIn:
    """Who is signed in, as the header shows it."""

    name: str
    institution: str
    sign_out: str = "/sign-out"


# No inline script or style anywhere; the nonce is for the one script of the page template of nhsuk-frontend.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'nonce-{nonce}'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": the check of forged forms compares the Referer under TLS.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def nonce() -> str:
    """The nonce of this answer."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(18)
    return str(g.nonce)


def protect(response: Response) -> Response:
    """Adds the security headers; a view that needs another content security policy sets its own first."""
    for header, value in HEADERS.items():
        response.headers.setdefault(header, value)
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY.format(nonce=nonce()))
    if request.endpoint != "static":
        # Pages and files about patients stay in no cache.
        response.headers["Cache-Control"] = "no-store"
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def dress(app: Flask, signed_in: Callable[[], SignedIn | None] = lambda: None) -> None:
    """Gives `app` the templates, the headers and, on every page, the person whom `signed_in()` answers."""
    app.jinja_options = {
        # The macros of nhsuk-frontend read parameters that nobody gave.
        "undefined": ChainableUndefined,
        # Flask escapes *.html alone by default; the macros are *.jinja.
        "autoescape": True,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "loader": ChoiceLoader(
            [FileSystemLoader(Path(__file__).parent / "templates"), PackageLoader("nhsuk_frontend_jinja")]
        ),
    }
    app.jinja_env.globals.update(product=PRODUCT, navigation=NAVIGATION, signed_in=signed_in)
    app.context_processor(lambda: {"cspNonce": nonce()})
    app.after_request(protect)
