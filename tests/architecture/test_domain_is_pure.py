"""models/domain and workflows know no clock, no chance, no environment and no files: what they decide is replayed."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOT, modules

CALLED = {"open", "input", "print", "eval", "exec", "__import__"}
ATTRIBUTES = {"now", "today", "utcnow", "uuid1", "uuid4", "random", "environ", "getenv", "monotonic", "open"}
MODULES = {"os", "random", "secrets", "time", "socket", "subprocess", "asyncio", "threading", "tempfile", "io"}
MUTABLE = {"list", "set", "dict", "defaultdict", "deque", "Counter"}
OURS = re.compile(r": (import|from) (activities|asyncio|temporalio|workflows)\b")
REPLAYED = {"now", "random", "uuid4"}
"""What workflows may ask of the SDK's module `workflow`, which answers alike when they are replayed."""


def impurities(source: str) -> Iterator[str]:
    """Each use of something whose answer may differ when a workflow is replayed, with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CALLED:
                yield f"{node.lineno}: {name}()"
            case ast.Attribute(value=ast.Name(id="workflow"), attr=name) if name in REPLAYED:
                continue
            case ast.Attribute(attr=name) if name in ATTRIBUTES:
                yield f"{node.lineno}: .{name}"
            case ast.Import(names=names):
                yield from (f"{node.lineno}: import {n.name}" for n in names if not allowed(n.name))
            case ast.ImportFrom(module=module, names=names):
                if not allowed(module or ""):
                    yield f"{node.lineno}: from {module}"
                yield from (f"{node.lineno}: import {n.name}" for n in names if n.name in ATTRIBUTES)


def allowed(module: str) -> bool:
    top = module.partition(".")[0]
    return module.startswith("models.domain") or (top in sys.stdlib_module_names and top not in MODULES)


def state_of_its_own(source: str) -> Iterator[str]:
    """Names of a module that may change while it is used: all workflows of a worker share them."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"{node.lineno}: global {', '.join(node.names)}"
    for line in tree.body:
        value = line.value if isinstance(line, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.List | ast.Set | ast.ListComp | ast.SetComp) or _makes_mutable(value):
            yield f"{line.lineno}: a list or set"


def _makes_mutable(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in MUTABLE


def test_the_domain_is_pure() -> None:
    domain = [file for file in modules() if file.is_relative_to("models/domain")]
    assert domain, "models/domain has moved"
    found = [f"{file}:{impurity}" for file in domain for impurity in impurities((ROOT / file).read_text())]
    assert not found, "\n" + "\n".join(found)


def test_workflows_are_pure_beside_the_sdk_and_keep_nothing_in_common() -> None:
    found = []
    for file in (file for file in modules() if file.is_relative_to("workflows")):
        source = (ROOT / file).read_text()
        # What they import of the exchange has a test of its own, test_imports.py; asyncio runs on the SDK's own clock.
        found += [f"{file}:{one}" for one in impurities(source) if not OURS.search(one)]
        found += [f"{file}:{one}" for one in state_of_its_own(source)]
    assert not found, "\n" + "\n".join(found)


def test_what_is_impure_is_found() -> None:
    planted = Path("planted.py")
    for line in (
        "datetime.now(UTC)",
        "date.today()",
        "uuid.uuid4()",
        "from uuid import uuid4",
        "import random",
        "import os.path",
        "open('a')",
        "import pydicom",
        "from models.db import engine",
    ):
        assert list(impurities(line)), f"{planted}: {line} is not found"
    assert not list(impurities("from datetime import datetime, time\ndef due(now: datetime): return now"))
    assert not list(impurities("workflow.now()"))
    for line in ("seen: set[str] = set()", "kept = []", "def f():\n    global kept"):
        assert list(state_of_its_own(line)), f"{planted}: {line} is not found"
