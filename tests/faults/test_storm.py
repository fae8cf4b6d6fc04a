"""A storm of "run again" while a study is being delivered: it is there once, whole, and confirmed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from models.domain.contracts import CommandKind
from models.support import ask_act
from models.tables import Account, Delivery, OutboxCommand, new_id
from tests.conftest import Peers
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import count
from tests.eventually import eventually
from tests.faults.fault import is_whole
from tests.faults.recording_pacs import RecordingPacs
from tests.faults.sender import RetryingSender

IMAGES = 60
RESETS = 100
BUSY = 0xA700


def test_a_hundred_resets(exchange: Exchange, recorder: RecordingPacs, peers: Peers, tmp_path: Path) -> None:
    study = site.study(tmp_path, "storm", IMAGES)
    images = {study.uid("image", number): tmp_path / f"{number}.dcm" for number in range(1, IMAGES + 1)}
    recorder.refuse(BUSY)
    RetryingSender(exchange.port("dicom"), "FAULTY_SCANNER", "IEP_ZX8").send(images)
    # It is on its way and stays so for as long as its destination is busy.
    (standing,) = exchange.in_state(study.study_instance_uid, "sending", timeout=120)
    delivery = standing.delivery
    assert delivery
    eventually(lambda: images.keys() & recorder.wire().keys(), timeout=60)
    _run_again(exchange, delivery, RESETS // 2)
    eventually(lambda: _carried(exchange, delivery) >= RESETS // 4, timeout=120)
    before = recorder.wire()
    recorder.refuse(None)
    _run_again(exchange, delivery, RESETS // 2)
    exchange.in_state(study.study_instance_uid, "confirmed", timeout=180)
    eventually(lambda: _carried(exchange, delivery) == RESETS, timeout=120)
    assert count(peers, "ZX8_PACS", recorder.port, study.study_instance_uid) == IMAGES
    for uid, path in images.items():
        is_whole(exchange, recorder, uid, path)
    sends = Counter({uid: number - before[uid] for uid, number in recorder.wire().items() if uid in images})
    print(
        f"\nstorm: {RESETS} resets, {IMAGES} images, {sends.total()} sends, most of one {max(sends.values())}", end=""
    )
    confirmed = [mail for mail in exchange.mails(standing.transaction.reference) if "Study arrived" in mail.subject]
    assert len(confirmed) == 1


def _run_again(exchange: Exchange, delivery: Delivery, times: int) -> None:
    with exchange.database.begin() as session:
        account_id = session.scalars(select(Account.id).where(Account.role == "support")).first()
        assert account_id
        for _ in range(times):
            ask_act(
                session,
                new_id(),
                kind=CommandKind.RUN_AGAIN,
                subject_id=f"delivery-{delivery.id}",
                institution_id=delivery.institution_id,
                transaction_id=delivery.transaction_id,
                account_id=account_id,
                reason="A storm.",
            )


def _carried(exchange: Exchange, delivery: Delivery) -> int:
    with exchange.database.begin() as session:
        carried = select(func.count()).where(
            OutboxCommand.kind == CommandKind.RUN_AGAIN,
            OutboxCommand.subject_id == f"delivery-{delivery.id}",
            OutboxCommand.delivered_at.is_not(None),
        )
        return session.scalar(carried) or 0
