"""The long runs: each finished seed is kept, and a row's figures are published when all of its seeds are done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.faults.seeds import ROOT, code, machine

KEPT = ROOT / "build" / "soak.json"
PUBLISHED = ROOT / "docs" / "faults.json"


class Soak:
    """What is known of one row at this commit. A seed that failed stays failed; only another commit tries it again."""

    def __init__(self, row: str, kept: Path = KEPT, published: Path = PUBLISHED) -> None:
        self.row, self.kept, self.published, self.code = row, kept, published, code()

    def outcomes(self) -> dict[str, Any]:
        found: dict[str, Any] = _read(self.kept).get(self.row, {}).get(self.code, {})
        return found

    def keep(self, seed: int, outcome: dict[str, Any]) -> None:
        everything = _read(self.kept)
        everything.setdefault(self.row, {}).setdefault(self.code, {})[str(seed)] = outcome
        _write(self.kept, everything)

    def publish(self) -> None:
        outcomes = self.outcomes()
        held = [one for one in outcomes.values() if one["held"]]
        figures = {
            "commit": self.code,
            "machine": machine(),
            "seeds": sorted(map(int, outcomes)),
            "failed": sorted(int(seed) for seed, one in outcomes.items() if not one["held"]),
            "images": sum(one.get("images", 0) for one in held),
            "sends": sum(one.get("sends", 0) for one in held),
            "recovery_ms": sorted(one["recovery, ms"] for one in held if "recovery, ms" in one),
        }
        _write(self.published, _read(self.published) | {self.row: figures})


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    fresh.replace(file)
