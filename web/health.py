"""Whether every part of the exchange is ready: for machines that watch it."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from web.here import here
from web.permission import public

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """200 when all parts are ready; else 503 and which are not."""
    parts = here().health()
    waiting = sorted(name for name, ready in parts.items() if not ready)
    return jsonify(ready=not waiting, not_ready=waiting, parts=dict(parts)), 503 if waiting else 200
