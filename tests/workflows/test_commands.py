"""No command is left without somebody who carries it out."""

from __future__ import annotations

from temporalio.converter import DataConverter

from models.db import Database
from models.domain.contracts import CommandKind
from temporal.commands import COMMANDS
from temporal.gateway import Gateway
from temporal.recovery import Recovery


def test_every_command_is_carried_out_by_somebody(database: Database) -> None:
    gateway = Gateway("127.0.0.1:1", "default", DataConverter.default)
    Recovery(database, gateway)
    assert COMMANDS.keys() | gateway.also.keys() == set(CommandKind)
