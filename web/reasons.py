"""Reasons that people type about one transaction; none of them names its patient."""

from __future__ import annotations

from flask import request

from models.domain.naming import NOBODY, Identifying
from models.queries.naming import identifying
from models.references import reference_in
from web import entries
from web.here import here
from web.permission import person


def reason_about(reference: str, field: str) -> str:
    """The form's reason for doing something about the transaction `reference`; Wrong with what to put right."""
    return entries.reason(request.form.get("reason", ""), field, whom(reference))


def whom(reference: str) -> Identifying:
    """Whom no word about the transaction may name.

    NHS numbers aside, whoever is not to see the patient learns nothing from what is refused.
    """
    if not person().viewer.sees_patients:
        return NOBODY
    with here().database.begin() as session:
        return identifying(session, reference_in(reference))
