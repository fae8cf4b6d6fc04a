"""Every fault that is no death, by its name in the catalogue."""

from __future__ import annotations

from tests.faults import own_processes
from tests.faults.database_away import AWAY, Away
from tests.faults.fault import Fault
from tests.faults.half_open import HalfOpen

TROUBLES: dict[str, type[Fault]] = {
    **own_processes.FAULTS,
    **dict.fromkeys(AWAY, Away),
    "half-open connection": HalfOpen,
}
