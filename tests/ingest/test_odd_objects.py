"""What cannot join a study is held for a person, with its bytes, and keeps nothing else waiting."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from dicom_edge.facts import AssociationRejected, ObjectRefused, Standing, utc_now
from models.dicom import read_header
from models.same_object import Sameness, compare
from models.tables import (
    Arrival,
    ArrivalInstance,
    AuditEntry,
    HeldObject,
    Instance,
    Rejection,
    Study,
)
from tests.ingest.filling import CT, Filling, one, rows, seal, small_ct


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"PixelData": bytes(128)}, "other pixels"),
        ({"PatientID": "H9999999"}, "another patient"),
        ({"StudyInstanceUID": "2.25.777"}, "another patient or series"),
    ],
)
def test_another_image_of_a_known_uid_is_held(
    filling: Filling, changed: dict[str, Any], words: str, together: bool
) -> None:
    first, second = small_ct(1), small_ct(1, **changed)
    if together:
        filling.bring(first, second)
    else:
        filling.bring(first)
        filling.bring(second)
    held = one(filling, HeldObject)
    assert (held.reason, held.institution_id) == ("conflict", "ZX1")
    assert words in held.sentence
    filling.archive.verify(held.key, held.sha256)
    instance = one(filling, Instance)
    assert instance.sha256 != held.sha256
    # What is held opens neither a study nor an arrival of its own; a person finds it beside the image it contradicts.
    assert one(filling, Study).StudyInstanceUID == "2.25.1"
    assert held.arrival_id == one(filling, Arrival).id


def test_a_contradiction_after_the_seal_opens_no_empty_arrival(filling: Filling) -> None:
    filling.bring(small_ct(1))
    seal(filling)
    filling.bring(small_ct(1, PixelData=bytes(128)))
    assert one(filling, HeldObject).reason == "conflict"
    assert one(filling, Arrival).count == 1


def test_a_rival_of_an_image_lost_from_the_archive_is_held(filling: Filling) -> None:
    filling.bring(small_ct(1))
    filling.archive.remove(one(filling, Instance).key)
    filling.bring(small_ct(1, StudyComments="changed"), small_ct(2))
    assert "could not be decided" in one(filling, HeldObject).sentence
    assert len(rows(filling, Instance)) == 2


def test_the_same_uid_from_another_institution_is_another_image(filling: Filling) -> None:
    filling.bring(small_ct(1))
    association = filling.open(institution_id="ZX3", node_id=filling.registry.nodes["ZX3_PACS"], calling="ZX3_PACS")
    filling.keep(association, small_ct(1, PixelData=bytes(128)))
    filling.ingest.round()
    assert sorted(i.institution_id for i in rows(filling, Instance)) == ["ZX1", "ZX3"]
    assert rows(filling, HeldObject) == []


def test_what_cannot_be_read_is_held_with_the_reason(filling: Filling) -> None:
    without = small_ct(2, StudyInstanceUID=None)
    filling.bring(b"not DICOM at all" * 100, without, small_ct(3))
    held = rows(filling, HeldObject)
    assert {h.reason for h in held} == {"unreadable"}
    assert {h.sentence for h in held} == {
        "The object is not a DICOM file: it lacks the prefix DICM.",
        "The object has no valid StudyInstanceUID.",
    }
    assert one(filling, Instance).SOPInstanceUID == "2.25.10003"


@pytest.mark.parametrize("keyword", ["PatientName", "AccessionNumber", "StudyComments"])
def test_a_nul_within_a_text_blocks_nothing(filling: Filling, keyword: str) -> None:
    filling.bring(small_ct(1), small_ct(2, **{keyword: "A\0B"}), small_ct(3))
    assert {"2.25.10001", "2.25.10003"} <= {i.SOPInstanceUID for i in rows(filling, Instance)}
    assert len(rows(filling, Instance)) + len(rows(filling, HeldObject)) == 3
    assert filling.spool.ready() == []


def test_a_megabyte_of_text_is_taken(filling: Filling) -> None:
    long = "x" * 1_000_000
    filling.bring(
        small_ct(1, StudyComments=long), small_ct(2, StudyDescription=long, SpecificCharacterSet="ISO_IR 192")
    )
    assert len(rows(filling, Instance)) + len(rows(filling, HeldObject)) == 2
    assert filling.spool.ready() == []


def test_half_a_surrogate_pair_and_nul_in_an_ae_title_block_nothing(filling: Filling) -> None:
    association = filling.open(calling="ODD\ud800\0", standing=Standing.CHANGED_AE_TITLE)
    filling.keep(association, small_ct(1))
    filling.spool.report(AssociationRejected("BAD\0\ud800", "IEP", "127.0.0.1", "unknown", utc_now()))
    filling.spool.report(ObjectRefused(association, "1.2", "1.2\0", 0xC000, "unparsable", utc_now()))
    filling.bring(small_ct(2))
    assert len(rows(filling, Instance)) == 2
    assert one(filling, Rejection).calling_ae_title.startswith("BAD")
    assert one(filling, HeldObject).reason == "refused"
    assert filling.spool.events() == []


def test_half_a_surrogate_pair_in_a_header_holds_that_object_only(
    filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import character_sets

    decode = character_sets.decode
    monkeypatch.setattr(character_sets, "decode", lambda value, codecs: decode(value, codecs).replace("Odd", "\ud800"))
    filling.bring(small_ct(1), small_ct(2, AccessionNumber="Odd"), small_ct(3, PatientName="Odd"))
    assert one(filling, Instance).SOPInstanceUID == "2.25.10001"
    assert len(rows(filling, HeldObject)) == 2


def test_a_fact_that_cannot_be_written_blocks_no_other(filling: Filling) -> None:
    filling.spool.report(AssociationRejected("ONE", "IEP", "127.0.0.1", "unknown", "not a time"))
    filling.spool.report(AssociationRejected("TWO", "IEP", "127.0.0.1", "unknown", utc_now()))
    filling.ingest.round()
    assert one(filling, Rejection).calling_ae_title == "TWO"
    assert filling.spool.events() == []
    (kept,) = (filling.spool.root / "poison").iterdir()
    assert "not a time" in kept.read_text()


def test_a_fact_that_cannot_be_read_blocks_nothing(filling: Filling) -> None:
    (filling.spool.root / "events" / "odd.json").write_text('{"kind": "never heard of"}')
    filling.bring(small_ct(1))
    assert one(filling, Instance)
    assert (filling.spool.root / "poison" / "odd.json").exists()


def test_an_object_whose_node_is_gone_is_held(filling: Filling) -> None:
    association = filling.open(node_id="0" * 32)
    filling.keep(association, small_ct(1))
    filling.bring(small_ct(2))
    assert one(filling, Instance).SOPInstanceUID == "2.25.10002"
    assert one(filling, HeldObject).institution_id == "ZX1"


def test_an_object_without_a_record_of_its_sender_is_held(filling: Filling) -> None:
    association = filling.open()
    filling.keep(association, small_ct(1))
    filling.spool.forget_association(association)
    filling.ingest.round()
    held = one(filling, HeldObject)
    assert (held.institution_id, held.sentence) == (None, "The record of who sent it is missing.")
    filling.archive.verify(held.key, held.sha256)


def test_another_called_ae_title_is_another_arrival(filling: Filling) -> None:
    filling.bring(small_ct(1), called="IEP_ZX2")
    filling.bring(small_ct(1), small_ct(2), called="IEP_ZX3")
    counts = {arrival.called_ae_title: arrival.count for arrival in rows(filling, Arrival)}
    assert counts == {"IEP_ZX2": 1, "IEP_ZX3": 2}
    assert len({arrival.transaction_id for arrival in rows(filling, Arrival)}) == 2
    assert len(rows(filling, Instance)) == 2


def test_overlapping_associations_fill_one_arrival(filling: Filling) -> None:
    one_of_two, other = filling.open(), filling.open()
    for n in range(1, 11):
        filling.keep(one_of_two if n % 2 else other, small_ct(n))
    filling.ingest.round()
    assert one(filling, Arrival).count == 10
    with filling.database.begin() as session:
        assert session.scalar(select(func.count(ArrivalInstance.association_id.distinct()))) == 2


def test_real_objects_are_taken_or_held_and_none_is_lost(filling: Filling, real_dicom: Path) -> None:
    folders = [*real_dicom.glob("malformed-*"), *real_dicom.glob("charsets-*")]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(files) > 20
    association = filling.open()
    filling.keep(association, *files)
    # A slow machine needs several: each compares for so long only.
    assert sum(iter(filling.ingest.round, 0)) == len(files)
    assert filling.spool.ready() == []
    kept = {i.sha256 for i in rows(filling, Instance)} | {h.sha256 for h in rows(filling, HeldObject)}
    keys = {path.name for path in filling.archive.root.rglob("*") if path.is_file()}
    assert kept == keys
    # What has no row of its own is a known image in other bytes.
    known = {i.SOPInstanceUID: i.key for i in rows(filling, Instance)}
    for path in files:
        if hashlib.sha256(path.read_bytes()).hexdigest() not in kept:
            twin = filling.archive.path(known[read_header(path).SOPInstanceUID])
            assert compare(twin, path) is Sameness.SAME_PIXELS


def test_a_corrected_header_is_held(filling: Filling) -> None:
    filling.bring(small_ct(1))
    filling.bring(small_ct(1, ImageLaterality="L"))
    held = one(filling, HeldObject)
    assert (held.reason, "with another header" in held.sentence) == ("conflict", True)
    filling.archive.verify(held.key, held.sha256)


def test_an_image_that_comes_again_otherwise_described_is_on_record_and_leaves_no_litter(filling: Filling) -> None:
    filling.bring(small_ct(1))
    filling.bring(small_ct(1, InstitutionName="Elsewhere"))
    instance = one(filling, Instance)
    assert rows(filling, HeldObject) == []
    (entry,) = [entry for entry in rows(filling, AuditEntry) if entry.act == "image.received-again"]
    assert (entry.subject, entry.institution_id) == (instance.id, "ZX1")
    assert entry.facts["sha256"] != instance.sha256
    assert [path.name for path in filling.archive.root.rglob("*") if path.is_file()] == [instance.sha256]


def test_an_object_that_is_refused_again_and_again_is_one_row(filling: Filling) -> None:
    for minute in range(3):
        association = filling.open()
        at = f"2026-03-01T10:0{minute}:00+00:00"
        filling.spool.report(ObjectRefused(association, CT, "1.2.3", 0xC000, "truncated", at))
        filling.bring(small_ct(1))
    held = one(filling, HeldObject)
    assert (held.SOPInstanceUID, held.held_at.minute, held.resolved_at) == ("1.2.3", 2, None)
    filling.spool.report(ObjectRefused(filling.open(), CT, "1.2.4", 0xC000, "truncated", utc_now()))
    filling.ingest.round()
    assert len(rows(filling, HeldObject)) == 2


def test_what_was_removed_meanwhile_is_not_blamed_on_the_header(filling: Filling) -> None:
    association = filling.open(node_id="0" * 32)
    filling.keep(association, small_ct(1))
    filling.ingest.round()
    assert "header" not in one(filling, HeldObject).sentence
