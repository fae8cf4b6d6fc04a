"""The files that the tests of the architecture read."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = (
    "activities",
    "bench",
    "demo",
    "dicom_edge",
    "hl7_edge",
    "models",
    "temporal",
    "web",
    "workflows",
)


@cache
def files() -> tuple[Path, ...]:
    """Every file that is committed or could be: what .gitignore names is left out; relative to ROOT."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    named = sorted({Path(name) for name in listed.split("\0") if name})
    return tuple(file for file in named if (ROOT / file).is_file())


def modules() -> list[Path]:
    """Python files, the generated database migrations left out."""
    return [file for file in files() if file.suffix == ".py" and "versions" not in file.parts]
