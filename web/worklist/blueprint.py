"""The blueprint of the worklist."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("worklist", __name__, url_prefix="/worklist")
