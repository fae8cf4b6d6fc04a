"""What the tests of searching and sending do on its pages."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from models.db import Database
from models.tables import PacsSearch
from tests.database import Registry
from tests.web.portal import field_of

ENTRY = {"recipient": "Dr R Cipient", "call_back": "01632 960222", "urgency": "urgent", "reason": "For the meeting."}


def search(client: FlaskClient, command: str = "", **entries: str) -> TestResponse:
    text = client.get("/send").text
    data = {"csrf_token": field_of(text, "csrf_token"), "command": command or field_of(text, "command")}
    return client.post("/send", data=data | entries)


def send(client: FlaskClient, search_id: str, registry: Registry, **entries: Any) -> TestResponse:
    text = client.get(f"/send/{search_id}").text
    data = {name: field_of(text, name) for name in ("csrf_token", "command")}
    return client.post(f"/send/{search_id}", data=data | ENTRY | {"worklist": registry.worklists["ZX2"]} | entries)


def searches(database: Database) -> list[PacsSearch]:
    with database.begin() as session:
        return list(session.scalars(select(PacsSearch)))
