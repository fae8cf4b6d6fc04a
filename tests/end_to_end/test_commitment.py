"""A modality asks the exchange for storage commitment: it is told, and its study is complete without any silence."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom.sop_class import StorageCommitmentPushModel
from sqlalchemy import select

from models.directory import write_directory_file
from models.registry import add_node
from models.tables import CommitmentRequest
from tests.activities.commitment_listener import listening
from tests.edge import sender
from tests.edge.commitment_request import ask, information, references
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.eventually import eventually

CONTEXTS = [
    (CTImageStorage, [ExplicitVRLittleEndian]),
    (StorageCommitmentPushModel, [ExplicitVRLittleEndian]),
]
QUIET = 110.0
"""Seconds: nobody here waits for the modality's silence."""


def register(exchange: Exchange, port: int) -> None:
    """MODALITY of ZX1, which listens at `port`."""
    with exchange.database.begin() as session:
        add_node(
            session,
            site.ACTOR,
            institution_id="ZX1",
            name="MODALITY",
            ae_title="MODALITY",
            host="127.0.0.1",
            port=port,
            source_addresses=["127.0.0.1"],
            dimse_timeout=5.0,
            quiet_seconds=QUIET,
        )
    write_directory_file(exchange.database, exchange.settings.directory_file)


def test_a_modality_is_told_and_its_study_goes_on_at_once(exchange: Exchange, tmp_path: Path) -> None:
    study = site.study(tmp_path, "committed", 5)
    images = [dcmread(file) for file in sorted(tmp_path.glob("*.dcm"))]
    uids = [str(image.SOPInstanceUID) for image in images]
    transaction = generate_uid()
    with listening("MODALITY") as listener:
        register(exchange, listener.port)
        with sender.association(
            exchange.port("dicom"), calling="MODALITY", called="IEP_ZX3", contexts=CONTEXTS
        ) as made:
            for image in images[:4]:
                assert made.send_c_store(image).Status == 0x0000
            assert ask(made, information(transaction, references(*uids))) == 0x0000
            # It lists one image that has not come: nothing is said, and nothing is complete.
            assert made.send_c_store(images[4]).Status == 0x0000
            (one,) = exchange.in_state(study.study_instance_uid, "on-worklist", timeout=40)
            assert eventually(lambda: listener.reports, timeout=40)
    (report,) = listener.reports
    assert (report.calling, report.event_type) == ("IEP_ZX3", 1)
    assert report.information.TransactionUID == transaction
    assert report.kept == references(*uids)
    assert one.arrival is not None
    assert one.arrival.basis == "5 of 5, listed by the sender's storage commitment."

    def answered() -> bool:
        with exchange.database.begin() as session:
            found = select(CommitmentRequest).where(CommitmentRequest.TransactionUID == transaction)
            request = session.scalars(found).one()
            return request.state == "answered" and request.failed == 0 and request.answered_at is not None

    assert eventually(answered)
