"""docker-compose.yml is well formed, keeps to this host, and says only what the exchange understands."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
import yaml

import cli
from settings import Settings
from tests.architecture.sources import ROOT

# The part of the Compose specification that the file uses.
TOP = {"name", "services", "networks", "volumes", "secrets"}
SERVICE = {
    "build", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "ports", "restart",
    "secrets", "stop_grace_period", "volumes",
}  # fmt: skip
HEALTHCHECK = {"test", "interval", "timeout", "retries", "start_period"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "image-exchange" in service["image"]]


def test_every_key_is_known() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} <= TOP
    for name, service in SERVICES.items():
        assert set(service) <= SERVICE, name
        assert set(service.get("healthcheck", {})) <= HEALTHCHECK, name


def test_services_wait_for_services_that_exist() -> None:
    ends = set()
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}"
            assert how["condition"] in CONDITIONS
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}"
            if how["condition"] == "service_completed_successfully":
                ends.add(other)
    for name, service in SERVICES.items():
        chore = name in ends or str(service["restart"]).startswith("on-failure")
        assert chore or "healthcheck" in service, f"nobody sees when {name} is ill"


def test_ports_are_published_on_this_host_alone() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} opens {port}"


def test_secrets_and_volumes_are_declared() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        named = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert {volume for volume in named if not volume.startswith(".")} <= set(COMPOSE["volumes"]), name
        assert all((ROOT / volume).exists() for volume in named if volume.startswith(".")), name


def test_no_secret_has_a_default() -> None:
    for variable in re.findall(r"\$\{[^}]*\}", re.sub(r"\$\$\{[^}]*\}", "", TEXT)):
        assert variable.endswith(":?}"), f"{variable} must be given, or the start must fail"
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|PWD|SECRET", variable):
                assert re.fullmatch(r"\$\{\w+:\?\}|/run/secrets/\w+", value), f"{name}: {variable}"


def test_every_variable_is_a_setting() -> None:
    for name, service in SERVICES.items():
        for variable in service.get("environment", {}):
            if variable.startswith("IEP_"):
                assert variable.removeprefix("IEP_").lower() in Settings.model_fields, f"{name}: {variable}"


NEEDS = {
    "db": {"database_url"},
    "edge": {"var"},
    "ingest": {"var", "database_url", "temporal_address", "payload_keys"},
    "relay": {"var", "database_url", "temporal_address", "payload_keys"},
    "worker": {"var", "database_url", "temporal_address", "payload_keys", "smtp_host", "smtp_port", "web_url"},
    "web": {"var", "database_url", "temporal_address", "payload_keys", "web_secret"},
}
"""What the processes refuse to start without, or would look for on another host."""


@pytest.mark.parametrize("name", OURS)
def test_every_verb_is_given_what_it_needs(name: str) -> None:
    service = SERVICES[name]
    given = service["environment"]
    for setting in NEEDS[service["command"][1]]:
        value = given.get(f"IEP_{setting.upper()}", "")
        assert value, f"{name} needs IEP_{setting.upper()}"
        if value.startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in service["secrets"], f"{name}: {value}"


def test_the_parts_that_must_run_are_those_that_do() -> None:
    parts = [SERVICES[name]["command"][1:] for name in OURS if name != "schema"]
    running = {"edge-1" if words == ["edge"] else words[-1] for words in parts}
    for name in OURS:
        assert set(SERVICES[name]["environment"]["IEP_PARTS"].split(",")) == running


def test_no_secret_gets_into_an_image() -> None:
    ignored = {line.rstrip("/") for line in (ROOT / ".dockerignore").read_text().split()}
    assert {".env", "secrets", ".git"} <= ignored


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_a_verb(name: str) -> None:
    program, *words = SERVICES[name]["command"]
    assert program == "iep"
    command: click.Command = cli.main
    while isinstance(command, click.Group):
        assert words, f"{command.name} wants a verb"
        verb = words.pop(0)
        assert verb in command.commands, f"{verb} is none of {', '.join(sorted(command.commands))}"
        command = command.commands[verb]
    command.make_context(command.name, words)  # UsageError for words that the verb does not know
