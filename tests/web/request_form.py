"""The form of a request as somebody fills it in: ZX2's clinician asks ZX1."""

from __future__ import annotations

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from models.db import Database
from models.tables import Draft, ImageRequest
from tests.web.portal import field_of

NEW = "/requests/new"


ENTRY = {
    "rows": "1",
    "source": "northern",
    "nhs_number": "999 000 0018",
    "family_name": "Example",
    "given_name": "Agnes",
    "birth_date": "3/2/1951",
    "source_patient_id": "ZX1-0042",
    "study-0-description": "CT head",
    "study-0-Modality": "CT",
    "study-0-from": "3 May 2026",
    "wants": "both",
    "recipient": "Dr R Cipient",
    "call_back": "01632 960222",
    "urgency": "urgent",
    "reason": "Fell on the stairs.",
}


def form(client: FlaskClient, **entries: str) -> dict[str, str]:
    text = client.get(NEW).text
    return {name: field_of(text, name) for name in ("csrf_token", "command")} | ENTRY | entries


def send(client: FlaskClient, path: str = NEW, **entries: str) -> TestResponse:
    return client.post(path, data=form(client, **entries))


def requests(database: Database) -> list[ImageRequest]:
    with database.begin() as session:
        found = list(session.scalars(select(ImageRequest).order_by(ImageRequest.placed_at)))
        for one in found:
            assert one.studies
            assert one.transaction
        return found


def drafts(database: Database) -> list[Draft]:
    with database.begin() as session:
        return list(session.scalars(select(Draft)))
