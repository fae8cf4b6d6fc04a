"""Ingest: what an edge has acknowledged becomes rows, once, in the arrival it belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from sqlalchemy import select

from dicom_edge.facts import Standing
from dicom_edge.spool import Spool
from models.tables import (
    Arrival,
    ArrivalInstance,
    Association,
    AuditEntry,
    HeldObject,
    Instance,
    Study,
    Transaction,
    now,
)
from tests.ingest.filling import Filling, one, rows, seal, small_ct


def test_a_study_becomes_rows(filling: Filling) -> None:
    association = filling.open()
    filling.keep(association, *(small_ct(n, StudyComments="NACS=ZX3") for n in range(1, 31)))
    assert filling.ingest.round() == 30
    study, arrival, transaction = one(filling, Study), one(filling, Arrival), one(filling, Transaction)
    assert (study.institution_id, study.StudyInstanceUID, study.ModalitiesInStudy) == ("ZX1", "2.25.1", ["CT"])
    assert study.patient["PatientID"] == "H1234567"
    assert (arrival.count, arrival.calling_ae_title, arrival.called_ae_title) == (30, "STORESCU", "IEP_ZX2")
    assert arrival.node_id == filling.registry.nodes["STORESCU"]
    assert (transaction.kind, transaction.state, transaction.follows_id) == ("push", "receiving", None)
    assert arrival.transaction_id == transaction.id
    instances = rows(filling, Instance)
    assert {i.SOPInstanceUID for i in instances} == {f"2.25.1000{n}" for n in range(1, 31)}
    for instance in instances:
        filling.archive.verify(instance.key, instance.sha256)
        assert instance.routing["StudyComments"] == "NACS=ZX3"
    assert sorted(m.position for m in rows(filling, ArrivalInstance)) == list(range(1, 31))
    assert [entry.act for entry in rows(filling, AuditEntry)] == ["arrival.opened"]
    assert one(filling, Association).ended_at is None
    assert filling.spool.ready() == []


def test_the_same_bytes_twice_are_one_image(filling: Filling) -> None:
    filling.bring(small_ct(1), small_ct(1))
    filling.bring(small_ct(1))
    assert one(filling, Arrival).count == 1
    assert one(filling, Instance).SOPInstanceUID == "2.25.10001"
    assert rows(filling, HeldObject) == []


def test_the_same_image_in_another_syntax_is_one_image(filling: Filling) -> None:
    filling.bring(small_ct(1), syntax=ExplicitVRLittleEndian)
    filling.bring(small_ct(1), syntax=ImplicitVRLittleEndian)
    assert one(filling, Instance).TransferSyntaxUID == ExplicitVRLittleEndian
    assert rows(filling, HeldObject) == []


def test_the_received_bytes_repair_a_damaged_archive(filling: Filling) -> None:
    filling.bring(small_ct(1))
    instance = one(filling, Instance)
    path = filling.archive.path(instance.key)
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    filling.bring(small_ct(1))
    filling.archive.verify(instance.key, instance.sha256)


def test_the_end_of_an_association_moves_the_generation(filling: Filling) -> None:
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.ingest.round()
    before = one(filling, Arrival).generation
    filling.ingest.round()
    assert one(filling, Arrival).generation == before
    filling.close(association)
    filling.ingest.round()
    assert one(filling, Arrival).generation == before + 1
    assert one(filling, Association).ended_at is not None
    assert filling.spool.associations() == []
    assert filling.spool.events() == []


def test_images_and_the_end_of_their_association_in_one_round(filling: Filling) -> None:
    filling.bring(small_ct(1), small_ct(2))
    assert one(filling, Association).ended_at is not None
    assert one(filling, Arrival).count == 2


def test_a_dead_edge_has_ended_its_associations(filling: Filling) -> None:
    association = filling.open()
    filling.keep(association, small_ct(1))
    unused = filling.open()
    filling.ingest.round()
    assert {a.ended_at for a in rows(filling, Association)} == {None}
    generation = one(filling, Arrival).generation
    filling.keep(association, small_ct(2))
    filling.spool.leave()
    filling.ingest.round()
    assert one(filling, Association).ended_at is not None
    assert one(filling, Arrival).count == 2
    assert one(filling, Arrival).generation > generation
    assert unused not in filling.spool.associations()
    assert filling.spool.associations() == []


def test_an_edge_that_dies_during_a_round_loses_no_sender(filling: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last object is acknowledged after ingest has listed the spool, and the edge is dead before the round ends."""
    association = filling.open()
    filling.keep(association, small_ct(1))
    listed = Spool.ready

    def dying(spool: Spool) -> Any:
        found = listed(spool)
        monkeypatch.setattr(Spool, "ready", listed)
        filling.keep(association, small_ct(2))
        filling.spool.leave()
        return found

    monkeypatch.setattr(Spool, "ready", dying)
    filling.ingest.round()
    filling.ingest.sender.cache_clear()
    filling.ingest.round()
    assert one(filling, Arrival).count == 2
    assert rows(filling, HeldObject) == []
    filling.ingest.round()
    assert one(filling, Association).ended_at is not None


def test_a_late_image_opens_a_transaction_that_follows(filling: Filling) -> None:
    filling.bring(small_ct(1))
    seal(filling)
    filling.bring(small_ct(2))
    seal(filling)
    filling.bring(small_ct(3))
    with filling.database.begin() as session:
        found = session.scalars(select(Arrival).order_by(Arrival.opened_at)).all()
        first, second, third = (session.get_one(Transaction, arrival.transaction_id) for arrival in found)
    assert [arrival.count for arrival in found] == [1, 1, 1]
    assert (first.follows_id, second.follows_id, third.follows_id) == (None, first.id, second.id)
    assert one(filling, Study)
    assert len(rows(filling, Instance)) == 3


def test_a_changed_ae_title_keeps_its_standing(filling: Filling) -> None:
    filling.bring(small_ct(1))
    association = filling.open(calling="NEWNAME", standing=Standing.CHANGED_AE_TITLE, node_id=None)
    filling.keep(association, small_ct(2))
    filling.ingest.round()
    standings = {arrival.calling_ae_title: (arrival.standing, arrival.count) for arrival in rows(filling, Arrival)}
    assert standings == {"STORESCU": ("known", 1), "NEWNAME": ("changed-ae-title", 1)}


def test_modalities_gather(filling: Filling) -> None:
    filling.bring(small_ct(1), small_ct(2, Modality="PT", PixelData=np.zeros(64, "<u2").tobytes()))
    assert one(filling, Study).ModalitiesInStudy == ["CT", "PT"]


def test_what_is_purged_and_comes_again_is_whole_again(filling: Filling) -> None:
    filling.bring(small_ct(1, StudyComments="NACS=ZX3"))
    with filling.database.begin() as session:
        instance = session.scalars(select(Instance)).one()
        key, sha256, patient, routing = instance.key, instance.sha256, instance.patient, instance.routing
        instance.store = instance.key = None
        instance.patient, instance.routing, instance.purged_at = {}, {}, now()
    assert key is not None
    filling.archive.remove(key)
    seal(filling)
    filling.bring(small_ct(1, StudyComments="NACS=ZX3"))
    filling.archive.verify(key, sha256)
    found = one(filling, Instance)
    assert (found.key, found.patient, found.routing, found.purged_at) == (key, patient, routing, None)


def test_a_full_archive_is_waited_for(filling: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from tests.eventually import eventually

    full = OSError(28, "No space left on device")
    put = type(filling.archive).put_group
    tried = threading.Event()

    def refuse(*_: object, **__: object) -> Any:
        tried.set()
        raise full

    monkeypatch.setattr("dicom_edge.ingest.COME_BACK", 0.05)
    monkeypatch.setattr(type(filling.archive), "put_group", refuse)
    filling.keep(filling.open(), small_ct(1))
    stop = threading.Event()
    running = threading.Thread(target=filling.ingest.run, args=(stop,))
    running.start()
    try:
        assert tried.wait(10)
        assert len(filling.spool.ready()) == 1
        monkeypatch.setattr(type(filling.archive), "put_group", put)
        eventually(lambda: not filling.spool.ready())
    finally:
        stop.set()
        running.join()
    assert one(filling, Instance)
