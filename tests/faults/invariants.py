"""What must hold after every fault, whatever it was: one reconciler over spool, archive, rows, peers and logs."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from pathlib import Path

from sqlalchemy import select

from demo.patients import PATIENTS
from dicom_edge.spool import FOLDERS
from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.request import OPEN
from models.part10 import opened
from models.queries.standing import standings
from models.tables import ArrivalInstance, Delivery, HeldObject, Instance, LeftOver, OutboxCommand, Parcel, Transaction
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.leaks import grown, handles, strays
from tests.eventually import eventually

NAMES = tuple(sorted({part for patient in PATIENTS for part in patient.name.split("^")[:2] if len(part) > 4}))
"""Shorter names are parts of other words."""
NUMBERS = tuple(patient.nhs_number for patient in PATIENTS)


def assert_invariants(exchange: Exchange, timeout: float = 60) -> None:
    """Waits until nothing is on its way, then checks the catalogue; the message lists every violation."""
    eventually(lambda: not left_in_spool(exchange), timeout)
    assert_settled(exchange, timeout)
    wrong = [*damaged(exchange), *not_once(exchange), *leaks(exchange, (*NAMES, *NUMBERS)), *left_behind(exchange)]
    assert not wrong, "\n".join(wrong)


def left_in_spool(exchange: Exchange) -> list[str]:
    """I6: what is in the spool although nobody sends; the locks of living edges belong there."""
    spool = exchange.settings.spool_folder
    found = [str(file.relative_to(spool)) for name in FOLDERS if name != "edges" for file in (spool / name).iterdir()]
    return sorted(found)


def assert_settled(exchange: Exchange, timeout: float) -> None:
    """I3: every Transaction has ended, or waits for a person and says so."""

    def restless() -> list[str]:
        with exchange.database.begin() as session:
            found = standings(session, session.scalars(select(Transaction)).all())
            open_commands = session.scalars(select(OutboxCommand).where(OutboxCommand.delivered_at.is_(None))).all()
        return [
            *(f"command {command.kind} was not carried" for command in open_commands),
            *(
                f"{one.transaction.reference} {one.transaction.lifecycle} {one.transaction.state}: {one.sentence}"
                for one in found
                if not (_is_quiet(one.transaction.lifecycle, one.transaction.state) and one.sentence)
            ),
        ]

    try:
        eventually(lambda: not restless(), timeout)
    except AssertionError:
        raise AssertionError("\n".join(restless())) from None


def _is_quiet(lifecycle: str, state: str) -> bool:
    table = LIFECYCLES[lifecycle]
    # A request that is open is a person's move, too; it is reminded of, and expires.
    waits = OPEN if lifecycle == "request" else ()
    return state in {*map(str, table.terminal), *map(str, table.parked), *map(str, waits)}


def damaged(exchange: Exchange) -> list[str]:
    """I1: rows whose bytes the archive no longer has."""
    wrong = []
    with exchange.database.begin() as session:
        for instance in session.scalars(select(Instance).where(Instance.key.is_not(None))):
            try:
                exchange.archive.verify(str(instance.key), instance.sha256)
            except Exception as error:  # noqa: BLE001 whatever it is, it is a violation
                wrong.append(f"instance {instance.id}: {error}")
    return wrong


def not_once(exchange: Exchange) -> list[str]:
    """I2: images of confirmed deliveries that the demo's PACS does not keep exactly once, with the pixels received."""
    kept: dict[str, Counter[str]] = {}
    pixels: dict[tuple[str, str], bytes] = {}
    for place in (exchange.var / "pacs").iterdir():
        kept[f"{place.name}_PACS"] = Counter()
        for path in place.rglob("*.dcm"):
            with opened(path) as part10:
                uid = part10.data_set.text("SOPInstanceUID")
                pixels[f"{place.name}_PACS", uid] = part10.pixels()
            kept[f"{place.name}_PACS"][uid] += 1
    return [
        f"{node} has {kept[node][instance.SOPInstanceUID]} copies of {instance.id}, or other pixels"
        for node, instance in delivered(exchange)
        if node in kept
        and not (
            kept[node][instance.SOPInstanceUID] == 1
            and pixels[node, instance.SOPInstanceUID] == archived_pixels(exchange, instance)
        )
    ]


def delivered(exchange: Exchange) -> list[tuple[str, Instance]]:
    """(name of the Node, instance) for every image of a confirmed delivery."""
    with exchange.database.begin() as session:
        rows = session.execute(
            select(Delivery, Instance)
            .join(Parcel, Parcel.id == Delivery.parcel_id)
            .join(ArrivalInstance, ArrivalInstance.arrival_id == Parcel.arrival_id)
            .join(Instance, Instance.id == ArrivalInstance.instance_id)
            .where(Delivery.state == "confirmed")
        )
        return [(delivery.node.name, instance) for delivery, instance in rows]


def archived_pixels(exchange: Exchange, instance: Instance) -> bytes:
    with opened(exchange.archive.path(str(instance.key))) as part10:
        return part10.pixels()


def left_behind(exchange: Exchange) -> list[str]:
    """I7: files that no row names, handles that are not closed, and processes that nobody waits for."""

    def found() -> list[str]:
        pids = exchange.pids()
        return [
            *nameless(exchange),
            *grown(exchange.handles_at_first, handles(pids)),
            *strays(exchange.process.pid, exchange.processes(), pids),
        ]

    with contextlib.suppress(AssertionError):
        # What has just ended is reaped at the next look of whoever started it.
        eventually(lambda: not found(), timeout=10)
    return found()


def nameless(exchange: Exchange) -> list[str]:
    """Files of the archive that no row names."""
    with exchange.database.begin() as session:
        known = {key for table in (Instance, HeldObject, LeftOver) for key in session.scalars(select(table.key))}
    files = {
        str(path.relative_to(exchange.archive.root)) for path in exchange.archive.root.rglob("*") if path.is_file()
    }
    return [f"no row names {key} of the archive" for key in sorted(files - known)]


def leaks(exchange: Exchange, words: tuple[str, ...]) -> list[str]:
    """I4: files outside archive, database and PACS that hold one of `words`, in any case and common encoding."""
    sought = {
        variant: word
        for word in words
        for text in (word, word.lower(), word.upper(), word.title())
        for variant in (text.encode(), text.encode("utf-16-le"))
    }
    found = defaultdict(set)
    for path in sorted(watched(exchange)):
        content = path.read_bytes()
        for variant, word in sought.items():
            if variant in content:
                found[path].add(word)
    return [f"{path.relative_to(exchange.var)} holds {', '.join(sorted(words))}" for path, words in found.items()]


def watched(exchange: Exchange) -> list[Path]:
    """Engine, logs, mails, spool, run files, and what the demo itself printed."""
    places = ("temporal", "log", "mailbox", "spool", "run")
    files = [path for place in places for path in (exchange.var / place).rglob("*") if path.is_file()]
    return [exchange.output, exchange.settings.directory_file, *files]
