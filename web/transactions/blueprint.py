"""The blueprint of transactions."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("transactions", __name__, url_prefix="/transactions")
