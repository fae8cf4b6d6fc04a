"""Storage Commitment Push Model as the provider (PS3.4 Annex J): what was asked for is answered by an event report."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from demo.pacs_store import PacsStore

NO_SUCH_INSTANCE, CLASS_INSTANCE_CONFLICT = 0x0112, 0x0119  # FailureReason, PS3.3 C.14.1.1
COMPLETE, FAILURES_EXIST = 1, 2  # event types, PS3.4 J.3.3
SAME_ASSOCIATION_AFTER = 0.2  # seconds; by then a requester that does not wait has released
ANSWER_WITHIN = 10.0  # seconds
SAME, NEW, NEVER = "same", "new", "never"  # the association on which it reports

log = logging.getLogger(__name__)


def committed(request: Dataset, store: PacsStore, ae_title: str) -> tuple[int, Dataset]:
    """The event type and the event information that answer `request`."""
    safe: list[Dataset] = []
    failed: list[Dataset] = []
    for asked in request.get("ReferencedSOPSequence") or []:
        item = Dataset()
        item.ReferencedSOPClassUID = asked.get("ReferencedSOPClassUID", "")
        item.ReferencedSOPInstanceUID = asked.get("ReferencedSOPInstanceUID", "")
        instance = store.get(str(item.ReferencedSOPInstanceUID))
        if instance is None:
            item.FailureReason = NO_SUCH_INSTANCE
        elif instance.sop_class_uid != item.ReferencedSOPClassUID:
            item.FailureReason = CLASS_INSTANCE_CONFLICT
        (failed if "FailureReason" in item else safe).append(item)
    report = Dataset()
    report.TransactionUID = request.TransactionUID
    if safe:
        report.RetrieveAETitle = ae_title
        report.ReferencedSOPSequence = safe
    if failed:
        report.FailedSOPSequence = failed
    return (FAILURES_EXIST if failed else COMPLETE), report


def answer(event: Any, store: PacsStore, ae: AE, peers: Mapping[str, tuple[str, int]], how: str) -> tuple[int, None]:
    """Handles N-ACTION: accepts the request and reports from a thread of its own, if at all."""
    request = event.action_information
    if "TransactionUID" not in request:
        return 0x0115, None
    event_type, report = committed(request, store, ae.ae_title)
    if how != NEVER:
        there = event.assoc if how == SAME else None
        title = event.assoc.requestor.ae_title.strip()
        threading.Thread(target=_report, args=(there, title, event_type, report, ae, peers), daemon=True).start()
    return 0x0000, None


def _report(
    association: Any, title: str, event_type: int, report: Dataset, ae: AE, peers: Mapping[str, tuple[str, int]]
) -> None:
    time.sleep(SAME_ASSOCIATION_AFTER)
    if association is not None and association.is_established:
        association.dimse_timeout = ANSWER_WITHIN
        if _sent(association, event_type, report):
            return
    if title not in peers:
        log.warning("a storage commitment result for %r stays here: its address is not known", title)
        return
    host, port = peers[title]
    # The provider opens the association, so it asks for the role of the provider (PS3.4 J.3.3).
    back = ae.associate(
        host,
        port,
        contexts=[build_context(StorageCommitmentPushModel)],
        ae_title=title,
        ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)],
    )
    if not back.is_established or not _sent(back, event_type, report):
        log.warning("a storage commitment result could not be given to %r", title)
    if back.is_established:
        back.release()


def _sent(association: Any, event_type: int, report: Dataset) -> bool:
    with contextlib.suppress(RuntimeError, ValueError, AttributeError):
        status, _ = association.send_n_event_report(
            report, event_type, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        return bool(status.get("Status") == 0x0000)
    return False
