"""What destinations were asked to commit themselves to, and what became of it (storage commitment, PS3.4 Annex J)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import outbox
from models.audit import record_act
from models.domain.contracts import EXCHANGE, CommandKind
from models.tables import AskedCommitment, Delivery, now

log = logging.getLogger(__name__)
NOT_SAID = 0
"""In the place of a failure reason: the answer does not speak of that image."""


@dataclass(frozen=True)
class Reported:
    """What one N-EVENT-REPORT says: the SOPInstanceUIDs that are `kept`, and why others are not."""

    TransactionUID: str
    kept: frozenset[str]
    failed: Mapping[str, int]


@dataclass(frozen=True)
class Standing:
    """How it stands with the images that were asked for, by SOPInstanceUID."""

    kept: frozenset[str]
    failed: frozenset[str]
    open: frozenset[str]


def take_report(session: Session, node_id: str, reported: Reported) -> bool:
    """Note a destination's answer, and let its delivery know. Idempotent: the first answer counts.

    False for one that nobody awaits from that Node; nothing changes then.
    """
    asked = session.get(AskedCommitment, reported.TransactionUID, with_for_update=True)
    if asked is None:
        log.warning("Node %s reports a commitment that nobody asked for; it is ignored", node_id)
        return False
    if asked.node_id != node_id:
        log.warning("Node %s reports a commitment that Node %s was asked for; it is ignored", node_id, asked.node_id)
        record_act(
            session,
            institution_id=asked.institution_id,
            actor=EXCHANGE,
            act="commitment.ignored",
            subject=asked.delivery_id,
            facts={"from": node_id, "asked": asked.node_id},
        )
        return False
    if asked.answered_at is not None:
        return True
    asked.answered_at = now()
    # What an answer calls failed is not kept, even if it calls it kept as well.
    asked.failed = {
        uid: reported.failed.get(uid, NOT_SAID)
        for uid in asked.references
        if uid in reported.failed or uid not in reported.kept
    }
    outbox.post(
        session,
        f"committed-{asked.TransactionUID}",
        institution_id=asked.institution_id,
        kind=CommandKind.REPORT_COMMITMENT,
        subject_id=asked.delivery_id,
        actor=EXCHANGE,
    )
    return True


def standing(session: Session, delivery: Delivery, wanted: Mapping[str, str]) -> Standing:
    """What its Node has said in this round of the images `wanted`; `open` are those that it was not asked for yet."""
    rows = session.scalars(
        select(AskedCommitment).where(
            AskedCommitment.delivery_id == delivery.id,
            AskedCommitment.node_id == delivery.node_id,
            AskedCommitment.round == delivery.round,
        )
    ).all()
    answered = [row for row in rows if row.answered_at is not None]
    kept = {uid for row in answered for uid in row.references if uid not in (row.failed or {})} & set(wanted)
    failed = {uid for row in answered for uid in (row.failed or {})} & set(wanted) - kept
    asked = {uid for row in rows if row.accepted_at is not None for uid in row.references}
    return Standing(frozenset(kept), frozenset(failed), frozenset(set(wanted) - asked - kept - failed))
