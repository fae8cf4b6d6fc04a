"""Deadlines that have passed: both sides are told, once. Nothing fails by it, and everything goes on."""

from __future__ import annotations

import contextlib

from sqlalchemy import or_, select, update
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from models.db import Database
from models.domain.contracts import NoticeRequest
from models.domain.lifecycles import REQUEST, TRANSFER
from models.tables import ImageRequest, Transaction, Transfer, now
from temporal.gateway import Gateway
from workflows.policies import WORKFLOWS
from workflows.telling import Telling

AT_ONCE = 50


def tell_what_is_overdue(database: Database, gateway: Gateway) -> int:
    """Mail about requests and transfers that are not fulfilled by when they are needed; how many of them.

    One that is told twice, after a crash between mail and note, is one mail by the table of notices.
    """
    with database.begin() as session:
        rows = session.execute(
            select(Transaction.id, ImageRequest.id, Transfer.id)
            .outerjoin(ImageRequest, ImageRequest.transaction_id == Transaction.id)
            .outerjoin(Transfer, Transfer.transaction_id == Transaction.id)
            .where(
                Transaction.due_at <= now(),
                Transaction.due_told_at.is_(None),
                or_(ImageRequest.state.in_(REQUEST.unfinished), Transfer.state.in_(TRANSFER.unfinished)),
            )
            .limit(AT_ONCE)
        ).all()
    for transaction_id, request_id, transfer_id in rows:
        kind, subject_id = ("request-overdue", request_id) if request_id else ("transfer-overdue", transfer_id)
        notice = NoticeRequest(f"{kind}:{subject_id}", kind, subject_id)
        gateway.asked(lambda client, notice=notice: tell(client, notice))  # type: ignore[misc]
        with database.begin() as session:
            session.execute(update(Transaction).where(Transaction.id == transaction_id).values(due_told_at=now()))
    return len(rows)


async def tell(client: Client, request: NoticeRequest) -> None:
    """Mail somebody once: what is on its way, or was sent, is not sent again."""
    with contextlib.suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            Telling.run,
            request,
            id=f"telling-{request.key}",
            task_queue=WORKFLOWS,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        )
