"""What waits for release, urgent ones first, then the oldest."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from web.permission import needs
from web.worklist.blueprint import blueprint
from web.worklist.page import shown


@blueprint.get("")
@needs(Function.RELEASE)
def show() -> ResponseReturnValue:
    return shown()
