"""models/domain knows no clock, no chance, no environment and no files: workflows replay what it decides."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOT, modules

CALLED = {"open", "input", "print", "eval", "exec", "__import__"}
ATTRIBUTES = {"now", "today", "utcnow", "uuid1", "uuid4", "random", "environ", "getenv", "monotonic", "open"}
MODULES = {"os", "random", "secrets", "time", "socket", "subprocess", "asyncio", "threading", "tempfile", "io"}


def impurities(source: str) -> Iterator[str]:
    """Each use of something whose answer may differ when a workflow is replayed, with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CALLED:
                yield f"{node.lineno}: {name}()"
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


def test_the_domain_is_pure() -> None:
    domain = [file for file in modules() if file.is_relative_to("models/domain")]
    assert domain, "models/domain has moved"
    found = [f"{file}:{impurity}" for file in domain for impurity in impurities((ROOT / file).read_text())]
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
