"""One admitted association, and what it has brought so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_edge.facts import Association
from dicom_edge.spool import Spool
from models.domain.routing import AE_TITLE


@dataclass
class Session:
    """One admitted association, as it goes."""

    association: Association
    recorded: bool = False
    stored: int = 0
    started: float = field(default_factory=time.monotonic)

    def record(self, spool: Spool) -> None:
        """Make who sends durable, once."""
        if not self.recorded:
            spool.record_association(self.association)
            self.recorded = True

    def keep(self, spool: Spool, path: Path, *, fetched: bool) -> None:
        """Make its next object durable; raises OSError as the spool does."""
        spool.keep(path, self.association.association, self.stored + 1, fetched=fetched)
        self.stored += 1


def is_fetched(request: Any) -> bool:
    """Whether the sender of a C-STORE request says that it moves the object at our request (PS3.7 Section 9.1.1.1).

    Many a PACS leaves that out, or names itself.
    """
    return str(request.MoveOriginatorApplicationEntityTitle or "").strip() == AE_TITLE
