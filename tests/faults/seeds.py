"""Which seeds the faults are drawn from, and what was run where."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
VARIABLE = "IEP_FAULT_SEED"


def drawn_seed() -> int:
    """One for this run: from the environment, else from the commit; 1 where there is no commit."""
    told = os.environ.get(VARIABLE)
    return int(told) if told else int(_git("rev-parse", "HEAD")[:8] or "1", 16)


def code() -> str:
    """The last commit of anything but pages, with "+" where files differ from it."""
    commit = _git("log", "-1", "--format=%h", "--", ".", ":!docs")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return f"{commit or 'no commit'}{'+' if changed else ''}"


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, {platform.machine()}"


def _git(*words: str) -> str:
    try:
        asked = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
