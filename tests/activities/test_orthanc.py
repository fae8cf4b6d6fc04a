"""Whole deliveries into Orthanc: all that was received arrives, under the identifiers of the plan, once each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian
from sqlalchemy import select, update

from models.domain.contracts import Verdict
from models.failpoint import VARIABLE
from models.tables import Delivery, Slot, now
from tests.activities.misbehaving import misbehaving
from tests.activities.orthanc import Orthanc
from tests.activities.parcels import TEN, Parcels, ten
from tests.ingest.filling import small_ct

ROOT = Path(__file__).parents[2]


def test_a_study_arrives_whole_and_is_confirmed(parcels: Parcels, orthanc: Orthanc) -> None:
    delivery = parcels.release(*ten())
    parcels.set_node(orthanc.port)
    assert parcels.send(delivery).accepted == 10
    images = orthanc.instances()
    assert sorted(image["MainDicomTags"]["SOPInstanceUID"] for image in images) == sorted(TEN)
    patient = orthanc.rest("patients?expand")[0]["MainDicomTags"]
    with parcels.database.begin() as session:
        identity = session.get_one(Delivery, delivery).identity
    assert identity is not None
    assert patient["PatientID"] == identity["PatientID"]
    assert parcels.compare(delivery).verdict is Verdict.CONFIRMED


def test_every_uncompressed_syntax_arrives_as_it_was(parcels: Parcels, orthanc: Orthanc) -> None:
    parcels.filling.bring(small_ct(1))
    parcels.filling.bring(small_ct(2), syntax=ImplicitVRLittleEndian)
    delivery = parcels.release(small_ct(3), syntax=ExplicitVRBigEndian)
    parcels.set_node(orthanc.port)
    assert parcels.send(delivery).accepted == 3
    syntaxes = {
        image["MainDicomTags"]["SOPInstanceUID"]: orthanc.rest(f"instances/{image['ID']}/header")["0002,0010"]["Value"]
        for image in orthanc.instances()
    }
    assert syntaxes == dict(zip(TEN, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"], strict=False))


def test_an_image_deleted_there_is_missing_and_goes_again(parcels: Parcels, orthanc: Orthanc) -> None:
    delivery = parcels.release(*ten())
    parcels.set_node(orthanc.port)
    parcels.send(delivery)
    orthanc.delete(f"instances/{orthanc.instances()[0]['ID']}")
    comparison = parcels.compare(delivery)
    assert (comparison.verdict, comparison.present) == (Verdict.MISSING, 9)


def sending_process(parcels: Parcels, delivery_id: str, failpoint: str = "") -> int:
    url = parcels.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.activities.run_sending", url, str(parcels.archive.root), delivery_id]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {VARIABLE: failpoint}, timeout=60, check=False).returncode


def test_a_kill_between_answer_and_ledger_doubles_nothing_there(parcels: Parcels, orthanc: Orthanc) -> None:
    delivery = parcels.release(*ten())
    parcels.set_node(orthanc.port)
    assert sending_process(parcels, delivery, "sending-answered") == 137
    assert 0 < orthanc.count() <= 10
    assert parcels.ledger(delivery) == {}
    # A slot of the dead process stays taken until its lease ends.
    with parcels.database.begin() as session:
        session.execute(update(Slot).values(until=now()))
    assert sending_process(parcels, delivery) == 0
    assert orthanc.count() == 10
    assert {entry.accepted for entry in parcels.ledger(delivery).values()} == {True}
    assert parcels.compare(delivery).verdict is Verdict.CONFIRMED


def test_only_what_was_not_written_goes_again_after_a_kill(parcels: Parcels) -> None:
    """Ten are written; ten more come, and the process dies between their answers and the ledger."""
    parcels.filling.bring(*ten())
    delivery = parcels.open()
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery).accepted == 10
        parcels.filling.bring(*(small_ct(n) for n in range(11, 21)))
        assert sending_process(parcels, delivery, "sending-answered") == 137
        with parcels.database.begin() as session:
            session.execute(update(Slot).values(until=now()))
        assert parcels.send(delivery).accepted == 20
    counts = Counter(peer.received)
    assert {counts[uid] for uid in TEN} == {1}
    assert set(counts.values()) <= {1, 2}
    assert set(peer.kept) == set(parcels.ledger(delivery))
    with parcels.database.begin() as session:
        assert session.scalars(select(Slot)).all() == []
