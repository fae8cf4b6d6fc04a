"""Whom an Institution may ask: the open Institutions whose agreement lets them send to it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.tables import Agreement, Institution, now


@dataclass(frozen=True)
class Askable:
    """An Institution that may be asked, with what the page says of it."""

    ods_code: str
    name: str
    phone: str
    time_zone: str

    @property
    def label(self) -> str:
        return f"{self.name} ({self.ods_code})"


def askable(session: Session, institution_id: str) -> tuple[Askable, ...]:
    """By name; those with an agreement that is valid now."""
    today = now()
    rows = session.scalars(
        select(Institution)
        .join(Agreement, Agreement.source_id == Institution.ods_code)
        .where(
            Agreement.destination_id == institution_id,
            Agreement.valid_from <= today,
            or_(Agreement.valid_to.is_(None), Agreement.valid_to > today),
            Institution.closed.is_(False),
        )
        .order_by(Institution.name)
    )
    return tuple(Askable(row.ods_code, row.name, row.phone, row.time_zone) for row in rows)
