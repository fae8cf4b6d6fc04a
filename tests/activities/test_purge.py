"""Purging: only what its destination confirmed long ago, and never a byte that a row still names."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from activities.journal import JournalActivities
from models.archive import FolderArchive, Stored
from models.domain.contracts import Transition
from models.purge import hold_off_purge, purge_confirmed, remove_unused
from models.tables import AuditEntry, Delivery, HeldObject, Instance, TransitionRow, new_id, now
from tests.activities.parcels import Parcels
from tests.eventually import eventually
from tests.ingest.filling import next_study, small_ct


def end(parcels: Parcels, delivery_id: str, state: str = "confirmed", *, days_ago: float = 40) -> None:
    at = now() - timedelta(days=days_ago)
    step = Transition("delivery", delivery_id, delivery_id, 1, state, "sent", state, "exchange", at)
    parcels.environment.run(JournalActivities(parcels.database).record, (step,))


def purge(parcels: Parcels) -> int:
    return purge_confirmed(parcels.database, parcels.archive, days=30)


def instances(parcels: Parcels) -> dict[str, Instance]:
    with parcels.database.begin() as session:
        return {row.SOPInstanceUID: row for row in session.scalars(select(Instance))}


def files(parcels: Parcels) -> int:
    return sum(path.is_file() for path in parcels.archive.root.rglob("*"))


@pytest.mark.parametrize("state", ["confirmed", "confirmed-in-part"])
def test_what_was_confirmed_long_ago_goes_and_its_record_stays(parcels: Parcels, state: str) -> None:
    delivery = parcels.release(small_ct(1), small_ct(2))
    end(parcels, delivery, state)
    assert purge(parcels) == 2
    assert files(parcels) == 0
    for row in instances(parcels).values():
        assert (row.key, row.store, row.patient, row.routing) == (None, None, {}, {})
        assert row.sha256
        assert row.purged_at is not None
    with parcels.database.begin() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "images.purged")).one()
        assert (entry.institution_id, entry.facts) == ("ZX1", {"images": 2})
    assert purge(parcels) == 0


@pytest.mark.parametrize("state", ["sending", "unverifiable", "needs-attention", "abandoned"])
def test_what_was_not_confirmed_stays(parcels: Parcels, state: str) -> None:
    end(parcels, parcels.release(small_ct()), state)
    assert purge(parcels) == 0
    assert files(parcels) == 1


def test_what_was_confirmed_lately_stays(parcels: Parcels) -> None:
    end(parcels, parcels.release(small_ct()), days_ago=29)
    assert purge(parcels) == 0


def test_the_last_of_several_deliveries_counts(parcels: Parcels) -> None:
    first = parcels.release(small_ct())
    end(parcels, first)
    with parcels.database.begin() as session:
        parcel = session.get_one(Delivery, first).parcel
        registry = parcels.filling.registry
        onward = Delivery(
            id=new_id(), institution_id="ZX3", transaction_id=parcel.transaction_id, parcel_id=parcel.id,
            worklist_id=registry.worklists["ZX3"], node_id=registry.nodes["ZX3_PACS"], state="sent", created_at=now(),
        )  # fmt: skip
        session.add(onward)
        onward_id = onward.id
    end(parcels, onward_id, days_ago=29)
    assert purge(parcels) == 0, "it got there a day ago"
    with parcels.database.begin() as session:
        session.execute(update(TransitionRow).values(at=now() - timedelta(days=31)))
    assert purge(parcels) == 1


def test_what_was_left_lying_by_a_purge_that_was_killed_is_removed(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(parcels, parcels.release(small_ct()))
    monkeypatch.setattr(FolderArchive, "remove", kill)
    with pytest.raises(KeyboardInterrupt):
        purge(parcels)
    monkeypatch.undo()
    assert [row.key for row in instances(parcels).values()] == [None]
    assert files(parcels) == 1
    assert purge(parcels) == 0
    assert files(parcels) == 0


def kill(*_: object) -> None:
    raise KeyboardInterrupt


def test_one_that_must_stop_begins_no_further_group(parcels: Parcels) -> None:
    end(parcels, parcels.release(small_ct()))
    assert purge_confirmed(parcels.database, parcels.archive, days=30, must_stop=lambda: True) == 0
    assert files(parcels) == 1


def test_what_goes_nowhere_yet_stays(parcels: Parcels) -> None:
    parcels.filling.bring(small_ct())
    assert purge(parcels) == 0


def test_an_image_that_another_arrival_needs_stays(parcels: Parcels) -> None:
    end(parcels, parcels.release(small_ct(1), small_ct(2)))
    parcels.filling.bring(small_ct(1), called="IEP_ZX3")
    assert purge(parcels) == 1
    assert instances(parcels)["2.25.10001"].key is not None
    assert files(parcels) == 1


def test_bytes_that_are_held_for_somebody_stay(parcels: Parcels) -> None:
    """The same bytes are a confirmed image of one sender, and a held object of another."""
    delivery = parcels.release(small_ct(1))
    other = parcels.filling.open(institution_id="ZX3", node_id=parcels.filling.registry.nodes["ZX3_PACS"])
    parcels.filling.keep(other, small_ct(1, PixelData=bytes(128)), small_ct(1))
    parcels.filling.ingest.round()
    end(parcels, delivery)
    assert purge(parcels) == 1
    with parcels.database.begin() as session:
        held = session.scalars(select(HeldObject)).one()
    assert held.key is not None
    assert held.sha256 is not None
    parcels.archive.verify(held.key, held.sha256)


def test_an_image_that_comes_while_it_is_purged_is_kept(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row is purged, its file not yet removed, when ingest finds the file there and writes a row that names it."""
    parcels.filling.bring(small_ct())
    key = instances(parcels)["2.25.10001"].key
    assert key is not None
    with parcels.database.begin() as session:
        session.execute(update(Instance).values(key=None, store=None, purged_at=now(), patient={}, routing={}))
    removing: list[threading.Thread] = []

    def meanwhile(session: Session) -> None:
        hold_off_purge(session)
        removing.append(threading.Thread(target=remove_unused, args=(parcels.database, parcels.archive, [key])))
        removing[0].start()
        removing[0].join(0.5)
        assert removing[0].is_alive(), "it has to wait for the transaction that brings the image back"

    monkeypatch.setattr("dicom_edge.ingest.hold_off_purge", meanwhile)
    parcels.filling.bring(small_ct())
    removing[0].join(30)
    row = instances(parcels)["2.25.10001"]
    assert row.key == key
    parcels.archive.verify(key, row.sha256)


def test_ingest_puts_back_what_was_removed_just_before(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Purged between the archive's put and the transaction of the rows."""
    delivery = parcels.release(small_ct())
    end(parcels, delivery)
    put = type(parcels.archive).put_group

    def purged(self: FolderArchive, paths: Sequence[Path], *, synced: bool = False) -> list[Stored]:
        stored = put(self, paths, synced=synced)
        monkeypatch.setattr(FolderArchive, "put_group", put)
        assert purge(parcels) == 1
        assert files(parcels) == 0
        return stored

    monkeypatch.setattr(FolderArchive, "put_group", purged)
    parcels.filling.bring(small_ct())
    row = instances(parcels)["2.25.10001"]
    assert row.key is not None
    parcels.archive.verify(row.key, row.sha256)


def test_more_than_one_group(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.purge.GROUP", 3)
    study = next_study()
    delivery = parcels.release(*(small_ct(n, StudyInstanceUID=study) for n in range(1, 8)))
    end(parcels, delivery)
    assert purge(parcels) == 7
    assert files(parcels) == 0
    with parcels.database.begin() as session:
        assert session.scalars(select(TransitionRow)).all()
        assert session.get_one(Delivery, delivery).state == "confirmed"
    assert purge(parcels) == 0


def test_an_ingest_that_has_found_an_image_kept_finishes_first(parcels: Parcels) -> None:
    """Else the rows would be emptied between its look and its commit, and what it acknowledged would be gone."""
    end(parcels, parcels.release(small_ct()))
    purged: list[int] = []
    purging = threading.Thread(target=lambda: purged.append(purge(parcels)))
    with parcels.database.begin() as session:
        hold_off_purge(session)
        purging.start()
        eventually(
            lambda: session.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        )
        assert all(row.key for row in instances(parcels).values())
    purging.join()
    assert purged == [1]
