"""The whole portal for tests, with a gateway that does nothing but remember, and a client that signs in."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import ClassVar

from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.test import TestResponse

from models.db import Database
from models.tables import OutboxCommand, now
from tests.database import PASSWORD
from web.app import create_app


class Compiled(BytecodeCache):
    """Compiled templates, for all applications of one run: compiling them anew for each test takes longer than it."""

    kept: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


@dataclass
class Gateway:
    """Delivers every command at once; `answer` is what the engine says to it."""

    answer: str = ""
    tried: list[str] = field(default_factory=list)

    def try_now(self, database: Database, command_id: str) -> str:
        self.tried.append(command_id)
        with database.begin() as session:
            command = session.get_one(OutboxCommand, command_id)
            if command.delivered_at is None:
                command.delivered_at, command.refusal = now(), self.answer
            return command.refusal

    def await_end(self, workflow_id: str) -> None:
        """Nothing goes on."""


def make(database: Database, gateway: Gateway | None = None, **more: object) -> Flask:
    settings = {"secret_key": b"only for this test", "secure_cookies": False, "sign_in_tries": "1000 per minute"}
    app = create_app(database, gateway or Gateway(), **(settings | more))  # type: ignore[arg-type]
    app.jinja_env.bytecode_cache = Compiled()
    return app


def field_of(text: str, name: str) -> str:
    """The value of a hidden field of the first form that has it."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, f"no field {name} on the page"
    return found[1]


def sign_in(app: Flask, username: str, password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    answer = try_to_sign_in(client, username, password)
    assert answer.status_code == 303, answer.text
    return client


def try_to_sign_in(client: FlaskClient, username: str, password: str, **more: str) -> TestResponse:
    token = field_of(client.get("/sign-in").text, "csrf_token")
    return client.post("/sign-in", data={"csrf_token": token, "username": username, "password": password, **more})


def send(client: FlaskClient, page: str, action: str, **entries: str) -> TestResponse:
    """Send the form of `page` whose action is `action`, with its own hidden fields."""
    text = client.get(page).text
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', text, re.DOTALL)
    assert form, f"no form for {action} on {page}"
    hidden = [name for name in ("csrf_token", "command", "seen") if f'name="{name}"' in form[1]]
    return client.post(action, data={name: field_of(form[1], name) for name in hidden} | entries)


def from_environment() -> Flask:
    """For a process of its own: the portal over the database that IEP_TEST_DATABASE names."""
    return make(Database(os.environ["IEP_TEST_DATABASE"]))
