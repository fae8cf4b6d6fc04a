"""The steps that all decisions on a Node have in common."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from flask import abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.decisions import RULES
from models.domain.lifecycles import NODE
from web.asking import ask, asked_before
from web.here import here
from web.nodes.show import found


def decide(
    node_id: str, kind: CommandKind, done: str, content: Mapping[str, str] = MappingProxyType({})
) -> ResponseReturnValue:
    """Ask the engine for `kind` and show the Node's page again; too late a step says so and changes nothing."""
    node = found(node_id)
    if not node.receives:
        abort(404)
    back = redirect(url_for("nodes.show", node_id=node.id), 303)
    with here().database.begin() as session:
        again = asked_before(session) is not None
    rule = RULES.get(kind)
    if rule and not again and not any(at == node.state and event == rule.event for at, event in NODE.table):
        flash(f"Too late: {node.sentence}", "refused")
        return back
    ask(kind, node.id, node.institution_id, dict(content), done)
    return back
