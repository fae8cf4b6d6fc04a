"""Every lifecycle, by name."""

from __future__ import annotations

from typing import Any

from models.domain.lifecycle import Lifecycle
from models.domain.lifecycles.arrival import ARRIVAL
from models.domain.lifecycles.commitment import COMMITMENT
from models.domain.lifecycles.delivery import DELIVERY
from models.domain.lifecycles.node import NODE
from models.domain.lifecycles.request import REQUEST
from models.domain.lifecycles.transfer import TRANSFER

LIFECYCLES: dict[str, Lifecycle[Any, Any]] = {
    table.name: table for table in (REQUEST, TRANSFER, ARRIVAL, DELIVERY, NODE, COMMITMENT)
}

__all__ = ["ARRIVAL", "COMMITMENT", "DELIVERY", "LIFECYCLES", "NODE", "REQUEST", "TRANSFER"]
