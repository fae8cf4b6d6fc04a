"""The main job against the running system: push a study, and wait until the destination's own PACS has all of it."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from sqlalchemy import select

from activities.asking import find, finder
from activities.peer import PeerAddress, association
from demo import patients
from demo.studies import make_study
from models.db import Database
from models.domain.errors import ExchangeError, Permanent
from models.queries.standing import standings
from models.tables import Arrival, Delivery, Study, Transaction

LOOK_EVERY = 0.2
Answer = TypeVar("Answer")


def exercise(
    database: Database, dicom_port: int, pacs: PeerAddress, *, destination: str, images: int, timeout: float, url: str
) -> dict[str, object]:
    """Seconds from the first byte to: pushed, all in the PACS, confirmed.

    Raises Permanent with what is missing after `timeout` seconds, how the study stands, and its page below `url`.
    """
    with tempfile.TemporaryDirectory() as folder:
        study = make_study(
            Path(folder),
            seed=f"exercise-{uuid.uuid4().hex}",
            patient=patients.ADA,
            institution_id="ZX1",
            n=images,
            rows=256,
            columns=256,
        )
        started = time.monotonic()
        _push(sorted(Path(folder).glob("*.dcm")), dicom_port, f"IEP_{destination}")
    times: dict[str, object] = {"images": images, "pushed_s": _since(started)}
    uid, missing = study.study_instance_uid, f"in {pacs.name}"
    try:
        _until(lambda: _count(pacs, uid) == images, started + timeout)
        times["in_pacs_s"] = _since(started)
        missing = "confirmed by the exchange"
        reference = _until(lambda: _confirmed(database, uid), started + timeout)
    except TimeoutError:
        how = _how_it_stands(database, uid, url)
        raise Permanent(f"Not {missing} after {timeout:g} s, but nothing is lost. {how}") from None
    return {"confirmed": True, "reference": reference, **times, "confirmed_s": _since(started)}


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)


def _push(files: list[Path], port: int, called: str) -> None:
    ae = AE("STORESCU")
    ae.add_requested_context(dcmread(files[0], stop_before_pixels=True).SOPClassUID, ExplicitVRLittleEndian)
    assoc = ae.associate("127.0.0.1", port, ae_title=called)
    if not assoc.is_established:
        raise Permanent(f"The exchange does not take associations at port {port}; is the demo running?")
    try:
        for file in files:
            answer = assoc.send_c_store(file)
            if "Status" not in answer or answer.Status != 0:
                raise Permanent("The exchange did not take an image; see var/log/edge-1.log.")
    finally:
        assoc.release()


def _count(pacs: PeerAddress, uid: str) -> int:
    try:
        with association(pacs, finder()) as assoc:
            keys = {"StudyInstanceUID": uid, "NumberOfStudyRelatedInstances": ""}
            return sum(int(match.NumberOfStudyRelatedInstances) for match in find(pacs, assoc, "STUDY", **keys))
    except ExchangeError:
        return 0


def _confirmed(database: Database, uid: str) -> str | None:
    with database.begin() as session:
        return session.scalars(
            select(Transaction.reference)
            .join(Delivery, Delivery.transaction_id == Transaction.id)
            .join(Arrival, Arrival.transaction_id == Transaction.id)
            .join(Study, Study.id == Arrival.study_id)
            .where(Study.StudyInstanceUID == uid, Delivery.state == "confirmed")
        ).first()


def _how_it_stands(database: Database, uid: str, url: str) -> str:
    with database.begin() as session:
        found = select(Transaction).join(Arrival).join(Study).where(Study.StudyInstanceUID == uid)
        for one in standings(session, session.scalars(found).all()):
            reference = one.transaction.reference
            return f"{reference} stands so: {one.sentence} See {url}/transactions/{reference}"
    return f"It will be listed at {url}/transactions"


def _until(look: Callable[[], Answer], deadline: float) -> Answer:
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(LOOK_EVERY)
    return found
