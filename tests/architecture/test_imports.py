"""Imports point one way: models.domain <- models <- activities <- workflows <- temporal <- web, edges."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOMS, ROOT, modules

OURS = {*ROOMS, "chores", "cli", "docs", "people", "processes", "settings", "tests"}

# Which of our own modules a folder may import, besides itself. The longest matching entry counts.
MAY_IMPORT: dict[str, set[str]] = {
    "models/domain": set(),
    "models": set(),
    "activities": {"models"},
    "workflows": {"models.domain", "activities"},
    "temporal": {"models", "activities", "workflows"},
    "dicom_edge": {"models"},
    "dicom_edge/__main__.py": {"models", "temporal", "settings"},
    "hl7_edge": {"models"},
    "hl7_edge/__main__.py": {"models", "temporal", "settings"},
    "web": {"models", "temporal.gateway"},
    # The mains: they read the settings and put the parts together; only each other import them.
    "cli.py": OURS - {"tests"},
    "people.py": OURS - {"tests", "cli"},
    "chores.py": OURS - {"tests", "cli", "people"},
    "processes.py": OURS - {"tests", "cli", "chores", "people"},
    "demo": {"models", "activities", "temporal", "settings"},
    "bench": OURS - {"tests"},
    "docs": {"models", "settings", "tests.faults.catalogue"},
    "settings.py": set(),
    "tests": OURS,
}
# Which folders may import a library; whoever wants it elsewhere asks the folder that has it.
LIVES_IN: dict[str, set[str]] = {
    "flask": {"web", "processes.py", "bench"},
    "pynetdicom": {"activities", "dicom_edge", "demo", "bench"},
    "temporalio": {"activities", "workflows", "temporal", "bench", "cli.py"},
    "sqlalchemy": {"models", "activities", "temporal", "dicom_edge", "hl7_edge", "web", "demo", "bench", "chores.py"},
    "hl7": {"activities", "hl7_edge", "models", "demo", "bench"},
    "smtplib": {"activities"},
    "pydantic_settings": {"settings.py"},
}


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def lies_in(dotted: str, package: str) -> bool:
    return dotted == package or dotted.startswith(package + ".")


def culprits(file: Path, source: str) -> list[str]:
    """One sentence for each import that breaks the tables above."""
    home = max((place for place in MAY_IMPORT if file.is_relative_to(place)), key=len, default="")
    if not home:
        return [f"{file} has no place in the table of tests/architecture/test_imports.py"]
    own = home.removesuffix("/__main__.py").removesuffix(".py").replace("/", ".")
    found = []
    for line, name in imported(source):
        top = name.partition(".")[0]
        if top in OURS and not any(lies_in(name, package) for package in {own, *MAY_IMPORT[home]}):
            may = ", ".join(sorted(MAY_IMPORT[home])) or "nothing of ours but itself"
            found.append(f"{file}:{line} imports {name}; {home} may import {may}")
        if file.parts[0] not in {*LIVES_IN.get(top, {file.parts[0]}), "tests"}:
            found.append(f"{file}:{line} imports {top}, which lives in {', '.join(sorted(LIVES_IN[top]))}")
    return found


def test_imports_point_one_way() -> None:
    found = [culprit for file in modules() for culprit in culprits(file, (ROOT / file).read_text())]
    assert not found, "\n" + "\n".join(found)


def test_the_culprit_is_named() -> None:
    assert culprits(Path("elsewhere/a.py"), "") != []
    assert culprits(Path("workflows/a.py"), "def f():\n    from models.db import engine") == [
        "workflows/a.py:2 imports models.db.engine; workflows may import activities, models.domain"
    ]
    assert culprits(Path("workflows/a.py"), "import models.domain.routing") == []
    assert culprits(Path("web/a.py"), "from temporal import worker") != []
    assert culprits(Path("web/a.py"), "from temporal import gateway") == []
    assert culprits(Path("web/a.py"), "import pynetdicom.ae") == [
        "web/a.py:1 imports pynetdicom, which lives in activities, bench, demo, dicom_edge"
    ]
    assert culprits(Path("models/db.py"), "from settings import Settings") != []
    assert culprits(Path("dicom_edge/__main__.py"), "from settings import Settings") == []
