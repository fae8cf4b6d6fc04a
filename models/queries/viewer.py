"""Who is looking, and what of all Transactions that person may see at all."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, true

from models.domain.decisions import Side
from models.domain.permissions import Function, Role, may
from models.tables import Transaction


@dataclass(frozen=True)
class Viewer:
    """Somebody of one Institution, in one role. Support looks at every Institution, and at no patient.

    `time_zone` is the Institution's, in which times inside sentences are told.
    """

    institution_id: str
    role: Role
    time_zone: str = "Europe/London"

    @property
    def sees_every_institution(self) -> bool:
        return self.role is Role.SUPPORT

    @property
    def sees_patients(self) -> bool:
        return self.may(Function.VIEW_PATIENT)

    def may(self, function: Function) -> bool:
        return may(self.role, function)

    def sides(self, source_id: str, destination_id: str | None) -> frozenset[Side]:
        """How the viewer's Institution stands to what goes from `source_id` to `destination_id`."""
        stands = {Side.SOURCE: source_id, Side.DESTINATION: destination_id}
        return frozenset(side for side, institution_id in stands.items() if institution_id == self.institution_id)


def sides(viewer: Viewer) -> tuple[ColumnElement[bool], ...]:
    """What `visible` says, as conditions that exclude each other: each is answered from one index."""
    if viewer.sees_every_institution:
        return (true(),)
    own = Transaction.institution_id == viewer.institution_id
    return own, and_(Transaction.destination_id == viewer.institution_id, ~own)


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """The Transactions of which the viewer's Institution is source or destination."""
    if viewer.sees_every_institution:
        return true()
    return or_(Transaction.institution_id == viewer.institution_id, Transaction.destination_id == viewer.institution_id)
