"""The blueprint of sending from one's own PACS."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("send", __name__, url_prefix="/send")
