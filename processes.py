"""The exchange's own processes, put together from settings: what each verb of `iep` runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.archive import FolderArchive
from models.db import PATIENCE, Database
from models.domain.errors import Permanent
from models.presence import ENGINE, Presence
from models.tls import Identity
from settings import Settings

if TYPE_CHECKING:
    # Each process imports only what it runs.
    from flask import Flask

    from activities.notices import MailHost
    from temporal.gateway import Gateway


MOVING = ("ingest", "relay", "workflows", "transfer-urgent", "transfer-bulk")
"""The parts without which something stands still."""
FOR_A_PAGE = 8.0
"""Seconds after which a person is told rather that the records are not available."""


def database(settings: Settings, *, pool_size: int = 5, patience: float = PATIENCE) -> Database:
    if settings.database_url is None:
        raise Permanent("IEP_DATABASE_URL is not set; give the address of the PostgreSQL database.")
    return Database(settings.database_url.get_secret_value(), pool_size=pool_size, patience=patience)


def presence(settings: Settings) -> Presence:
    return Presence(settings.var / "run" / "present")


def own_identity(settings: Settings) -> Identity | None:
    """What the exchange shows under TLS; None unless all of it is set."""
    if settings.tls_key and settings.tls_certificate and settings.tls_authorities:
        return Identity(settings.tls_key, settings.tls_certificate, settings.tls_authorities)
    return None


def secure(settings: Settings, base: Database) -> None:
    """Let this process speak TLS to Nodes, and say in the audit which could not be trusted."""
    from activities.secured import OWN
    from models.outbox import alarm_not_secured

    def alarm(node_id: str, sentence: str) -> None:
        with base.begin() as session:
            alarm_not_secured(session, node_id, sentence)

    OWN.identity, OWN.alarm = own_identity(settings), alarm


def run_edge(settings: Settings, name: str, plain_fd: int | None, tls_fd: int | None) -> int:
    from dataclasses import replace

    from dicom_edge.edge_main import run
    from dicom_edge.limits import Limits

    identity = own_identity(settings)
    tls = tls_fd if tls_fd is not None else (settings.bind, settings.port("dicom_tls")) if identity else None
    here = presence(settings)
    return run(
        settings.spool_folder,
        settings.directory_file,
        plain=plain_fd if plain_fd is not None else (settings.bind, settings.port("dicom")),
        tls=tls,
        identity=identity,
        workers=settings.workers,
        limits=replace(Limits(), low_water=settings.spool_low_water),
        ready=lambda: here.announce(name),
    )


def run_ingest(settings: Settings) -> None:
    from dicom_edge.announce import Announcer
    from dicom_edge.ingest import Ingest
    from dicom_edge.spool import Spool

    base = database(settings)
    door = _gateway(settings)
    announcer = Announcer(base, door.announce)
    ingest = Ingest(Spool(settings.spool_folder), FolderArchive(settings.archive_folder), base, announcer.grew)
    stop = _until_told()
    speaking = threading.Thread(target=announcer.run, args=(stop,), name="announcer")
    speaking.start()
    presence(settings).announce("ingest")
    try:
        ingest.run(stop)
    finally:
        # Whatever ended it ends the announcer too: a process that only half lives is not started again.
        stop.set()
        speaking.join()
        door.close()


def run_relay(settings: Settings) -> None:
    from temporal.nightly import Nightly
    from temporal.recovery import Recovery
    from temporal.relay import Relay
    from temporal.watch import Watch

    door = _gateway(settings)
    base = database(settings)
    relay = Relay(base, door, Nightly(settings.purge_at, settings.purge_after_days))
    Recovery(base, door)
    here, stop = presence(settings), _until_told()
    watch = Watch(door, here)
    # Before the relay is known to be here: from then on a page takes its word about the engine.
    watch.look()
    here.announce("relay")
    watching = threading.Thread(target=watch.run, args=(stop,), name="watch")
    watching.start()
    try:
        relay.run(stop)
    finally:
        # As of ingest: a relay that only half lives would not be started again.
        stop.set()
        watching.join()
        door.close()


async def run_worker(settings: Settings, queue: str) -> None:
    from temporal.encryption import PayloadKeys, converter
    from temporal.worker import connected, work
    from workflows import policies

    keys = converter(PayloadKeys.read(_keys(settings)))
    client = await connected(settings.temporal, settings.temporal_namespace, keys)
    here = presence(settings)
    await work(
        client,
        policies.WORKFLOWS if queue == "workflows" else queue,
        _activities(settings, queue),
        with_workflows=queue == "workflows",
        # A delivery that waits for a slot holds a thread: those of one slow Node must not keep the others waiting.
        threads=32,
        ready=lambda: here.announce(queue),
    )


def run_web(settings: Settings) -> None:
    from web.serve import serve

    here = presence(settings)
    serve(lambda: _web_app(settings, here), settings.bind, settings.port("web"), ready=lambda: here.announce("web"))


def _activities(settings: Settings, queue: str) -> list[Callable[..., Any]]:
    from activities.arrivals import ArrivalActivities
    from activities.bulk import BulkActivities
    from activities.commitment import CommitmentActivities
    from activities.deliveries import DeliveryActivities
    from activities.dicom import DicomActivities
    from activities.journal import JournalActivities
    from activities.local_identity import LocalIdentityActivities
    from activities.notices import NoticeActivities
    from activities.pacs_search import PacsSearchActivities
    from activities.purging import PurgeActivities
    from activities.requests import RequestActivities
    from activities.retrieval import RetrievalActivities
    from activities.transfers import TransferActivities

    base = database(settings, pool_size=16)
    secure(settings, base)
    archive = FolderArchive(settings.archive_folder)
    peers = DicomActivities(base, archive, settings.send_parallel)
    if queue != "workflows":
        return [
            peers.send,
            peers.compare,
            peers.compare_uncommitted,
            peers.count_at_source,
            CommitmentActivities(base, archive).answer,
            TransferActivities(base).list_at_source,
            RetrievalActivities(base, edge=settings.edge).retrieve,
            BulkActivities(base).place_rows,
        ]
    arrivals, deliveries, requests = ArrivalActivities(base), DeliveryActivities(base), RequestActivities(base)
    return [
        JournalActivities(base).record,
        arrivals.outlook,
        arrivals.seal,
        arrivals.route,
        arrivals.left_over,
        deliveries.put_on_worklist,
        deliveries.moved_away,
        deliveries.cannot_go_to,
        deliveries.forget_answers,
        requests.outlook,
        requests.reminded,
        requests.progress,
        requests.chosen,
        requests.recognised,
        requests.must_be_wanted,
        requests.answer,
        TransferActivities(base).progress,
        LocalIdentityActivities(base).check,
        NoticeActivities(base, _mail_host(settings), settings.url).tell,
        PacsSearchActivities(base).search,
        PurgeActivities(base, archive).purge,
        peers.look,
    ]


def _mail_host(settings: Settings) -> MailHost:
    from activities.notices import MailHost

    if settings.smtp_port is None:
        raise Permanent("IEP_SMTP_PORT is not set; give the port of the mail submission host.")
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
    return MailHost(
        settings.smtp_host,
        settings.smtp_port,
        settings.mail_from,
        settings.smtp_starttls,
        settings.smtp_username,
        password,
    )


def _web_app(settings: Settings, here: Presence) -> Flask:
    from temporal.recovery import Recovery
    from web.app import create_app

    base, door = database(settings, patience=FOR_A_PAGE), _gateway(settings)
    door.is_missed = lambda: here.is_missed(ENGINE, by="relay")
    return create_app(
        base,
        door,
        secret_key=_web_secret(settings),
        secure_cookies=settings.secure_cookies,
        mailbox_folder=settings.var / "mailbox" if settings.demo else None,
        health_of_parts=lambda: health(base, door, here, settings.parts),
        trusted_proxies=settings.trusted_proxies,
        dicom_port=settings.port("dicom"),
        recovery=Recovery(base, door),
        not_running=lambda: not_running(here, settings.parts),
    )


def health(base: Database, door: Gateway, here: Presence, parts: str) -> dict[str, bool]:
    """Each of `parts` by name, with commas between them, and whether it is ready."""
    return {"database": base.is_ready(), "engine": door.is_ready(), **here.of(_names(parts))}


def not_running(here: Presence, parts: str) -> list[str]:
    """Those of `parts` that move things on and are not there, and the engine where the relay of this host misses it."""
    ours = _names(parts)
    away = [part for part, is_here in here.of(MOVING).items() if not is_here and part in ours]
    knows_the_engine = "relay" in ours and "relay" not in away
    return [ENGINE, *away] if knows_the_engine and not here.is_here(ENGINE) else away


def _names(parts: str) -> list[str]:
    return [part.strip() for part in parts.split(",") if part.strip()]


def _web_secret(settings: Settings) -> bytes:
    if settings.web_secret is None:
        raise Permanent("IEP_WEB_SECRET is not set; give a file of at least 32 random bytes.")
    secret = settings.web_secret.read_bytes()
    if len(secret) < 32:
        raise Permanent("The file of IEP_WEB_SECRET is shorter than 32 bytes; fill it with random ones.")
    return secret


def _gateway(settings: Settings) -> Gateway:
    from temporal.encryption import PayloadKeys, converter
    from temporal.gateway import Gateway

    keys = PayloadKeys.read(_keys(settings))
    return Gateway(settings.temporal, settings.temporal_namespace, converter(keys))


def _keys(settings: Settings) -> Path:
    if settings.payload_keys is None:
        raise Permanent("IEP_PAYLOAD_KEYS is not set; give the file of payload keys (`iep keys new` makes a line).")
    return settings.payload_keys


def _until_told() -> threading.Event:
    """Set by SIGTERM or SIGINT."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    return told
