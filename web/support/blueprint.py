"""The blueprint of the support desk, and of what Institutions see of its acts."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("support", __name__)
