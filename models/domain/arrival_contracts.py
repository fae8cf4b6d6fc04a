"""What crosses a border for arrivals about which somebody has decided."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WhereItGoes:
    """Only by these deliveries does the arrival go on; by none where it goes nowhere."""

    arrival_id: str
    delivery_ids: tuple[str, ...] = ()
