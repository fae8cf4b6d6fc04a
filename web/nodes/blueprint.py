"""The blueprint of Nodes."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("nodes", __name__, url_prefix="/nodes")
