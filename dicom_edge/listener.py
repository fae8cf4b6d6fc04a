"""The listening: who calls is judged, what comes is kept, and only what is kept is acknowledged.

Neither the database nor the engine is asked; both may be down all night.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from dicom_edge.admission import REJECTIONS, TEMPORARY_CONGESTION, Admission, Admitted, Reason, Rejected, user_of
from dicom_edge.commitment import TRANSFER_SYNTAXES, ActionStatus, read_request
from dicom_edge.commitment_report import read_report, take_no_reports
from dicom_edge.facts import (
    Association,
    AssociationEnded,
    AssociationRejected,
    CommitmentAsked,
    CommitmentReported,
    ObjectRefused,
    utc_now,
)
from dicom_edge.guard import set_up_pynetdicom
from dicom_edge.incoming import Incoming
from dicom_edge.inspection import Flaw, Refused, inspect
from dicom_edge.limits import Limits
from dicom_edge.rejections import Rejections
from dicom_edge.server import GuardedServer
from dicom_edge.session import Session, is_fetched
from dicom_edge.spool import Spool
from models.domain.routing import AE_TITLE

log = logging.getLogger(__name__)

# PS3.4 Table B.2-1, PS3.7 Annex C.
SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
PROCESSING_FAILURE = 0x0110

SETTLING_SECONDS = 5
"""What an association that has been aborted may take to end."""


Read = Callable[[Association, Any, str], CommitmentAsked | CommitmentReported | ActionStatus]


class Listener:
    """Serves the listening sockets `plain` and `tls` (either may be None) until stopped."""

    def __init__(
        self,
        spool: Spool,
        admission: Admission,
        limits: Limits,
        *,
        plain: socket.socket | None = None,
        tls: socket.socket | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        set_up_pynetdicom()
        self._spool = spool
        self._admission = admission
        self._limits = limits
        self._rejections = Rejections()
        self._sessions: dict[Any, Session] = {}
        self._entity = ApplicationEntity(AE_TITLE)
        self._entity.add_supported_context(Verification)
        # As the provider for senders, and as the user of a destination that asks for the role of the provider.
        self._entity.add_supported_context(StorageCommitmentPushModel, TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
        self._entity.maximum_pdu_size = limits.maximum_pdu
        # Guarded by Connections, which tells silent connections from associations.
        self._entity.maximum_associations = 1_000_000
        self._entity.acse_timeout = limits.request_seconds
        self._entity.network_timeout = limits.idle_seconds
        self._entity.dimse_timeout = limits.idle_seconds
        self._servers = [self._server(plain, None)] if plain else []
        if tls:
            self._servers.append(self._server(tls, tls_context))

    def start(self) -> None:
        """Take the edge's lock and begin to accept."""
        self._spool.enter()
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        log.info("edge %s listens on %s", self._spool.edge, [one.server_address[1] for one in self._servers])

    def stop(self, grace: float) -> None:
        """Stop accepting, give what is under way `grace` seconds, then abort and give the lock up."""
        for server in self._servers:
            server.shutdown()
        deadline = time.monotonic() + grace
        while self._sessions and time.monotonic() < deadline:
            time.sleep(0.05)
        for association in list(self._sessions):
            association.abort()
        for server in self._servers:
            server.connections.close_all()
        # An object that is being kept now is still kept, and each association's end is written down.
        deadline = time.monotonic() + SETTLING_SECONDS
        while self._sessions and time.monotonic() < deadline:
            time.sleep(0.05)
        self._spool.leave()

    def _server(self, listening: socket.socket, tls_context: ssl.SSLContext | None) -> GuardedServer:
        server: GuardedServer = self._entity.make_server(
            listening.getsockname(),
            ssl_context=tls_context,
            evt_handlers=[
                (evt.EVT_REQUESTED, self._admit),
                (evt.EVT_C_STORE, self._store),
                (evt.EVT_C_ECHO, self._echo),
                (evt.EVT_N_ACTION, self._commit),
                (evt.EVT_N_EVENT_REPORT, self._committed),
            ],
            server_class=GuardedServer,
            listening=listening,
            limits=self._limits,
            knows_address=self._admission.knows_address,
            new_incoming=self._new_incoming,
            on_over=self._ended,
        )
        return server

    def _new_incoming(self) -> Incoming:
        return Incoming(self._spool.new_path(), room=self._spool.free_bytes() >= self._limits.low_water)

    def _admit(self, event: Any) -> None:
        """pynetdicom goes on when a handler of this event fails: so whatever fails here must reject."""
        try:
            self._admit_or_reject(event.assoc)
        except Exception as error:  # noqa: BLE001 whatever it is, nobody is let in by mistake
            log.error("an association could not be judged: %s", type(error).__name__)
            event.assoc.acse.send_reject(*TEMPORARY_CONGESTION)
            event.assoc.kill()

    def _admit_or_reject(self, association: Any) -> None:
        request = association.requestor.primitive
        calling, called = str(request.calling_ae_title).strip(), str(request.called_ae_title).strip()
        address = association.requestor.address
        tls = isinstance(association.dul.socket.socket, ssl.SSLSocket)
        verdict = self._judge(association, calling, called, address, tls)
        if isinstance(verdict, Rejected):
            self._reject(association, calling, called, address, verdict.reason)
            return
        if verdict.node_id is None:
            take_no_reports(association)
        self._sessions[association] = Session(
            Association(
                association=uuid.uuid4().hex,
                edge=self._spool.edge,
                calling_ae_title=calling,
                called_ae_title=called,
                address=address,
                node_id=verdict.node_id,
                institution_id=verdict.institution_id,
                standing=verdict.standing,
                tls=tls,
                opened_at=utc_now(),
            )
        )

    def _judge(self, association: Any, calling: str, called: str, address: str, tls: bool) -> Admitted | Rejected:
        certificate = association.dul.socket.socket.getpeercert(binary_form=True) if tls else None
        digest = hashlib.sha256(certificate).hexdigest() if certificate else None
        verdict = self._admission.judge(calling, called, address, digest, tls=tls, user=user_of(association))
        if isinstance(verdict, Rejected):
            return verdict
        if not association._server.connections.seat(association.connection):
            return Rejected(Reason.TOO_MANY_ASSOCIATIONS)
        if self._spool.free_bytes() < self._limits.low_water:
            return Rejected(Reason.SPOOL_LOW)
        return verdict

    def _reject(self, association: Any, calling: str, called: str, address: str, reason: Reason) -> None:
        association.acse.send_reject(*REJECTIONS[reason])
        if self._rejections.is_news((calling, called, address, reason)):
            log.warning("rejected %r at %s calling %r: %s", calling, address, called, reason)
            fact = AssociationRejected(calling, called, address, reason, utc_now())
            self._report(fact)
        association.kill()

    def _echo(self, event: Any) -> int:
        return SUCCESS

    def _store(self, event: Any) -> int:
        """The status of one C-STORE; 0x0000 only for what the spool has kept."""
        session = self._sessions[event.assoc]
        request = event.request
        try:
            session.record(self._spool)
            incoming = request._dataset_file
            if not isinstance(incoming, Incoming):
                return self._refuse(session, request, Refused(Flaw.NO_DATA_SET))
            if not incoming.complete():
                log.error("association %s: out of resources: %s", session.association.association, incoming.failed)
                return OUT_OF_RESOURCES
            verdict = inspect(
                incoming.path,
                str(event.context.transfer_syntax),
                str(request.AffectedSOPClassUID),
                str(request.AffectedSOPInstanceUID),
                self._limits.inflated,
            )
            if isinstance(verdict, Refused):
                return self._refuse(session, request, verdict)
            session.keep(self._spool, incoming.path, fetched=is_fetched(request))
        except OSError as error:
            log.error("association %s: not kept: errno %s", session.association.association, error.errno)
            return OUT_OF_RESOURCES
        except Exception as error:  # noqa: BLE001 pynetdicom would say nothing that is fit for the log
            log.critical("association %s: not kept: %s", session.association.association, type(error).__name__)
            return PROCESSING_FAILURE
        return SUCCESS

    def _commit(self, event: Any) -> tuple[int, None]:
        """The status of one N-ACTION; 0x0000 only for a request that the spool has kept."""
        return self._heard(event, read_request)

    def _committed(self, event: Any) -> tuple[int, None]:
        """The status of one N-EVENT-REPORT; 0x0000 only for a report that the spool has kept."""
        return self._heard(event, read_report)

    def _heard(self, event: Any, read: Read) -> tuple[int, None]:
        session = self._sessions[event.assoc]
        association = session.association.association
        try:
            status = self._keep_fact(session, event, read)
        except OSError as error:
            log.error("association %s: what was said was not kept: errno %s", association, error.errno)
            status = ActionStatus.RESOURCE_LIMITATION
        except Exception as error:  # noqa: BLE001 as for C-STORE
            log.critical("association %s: what was said was not kept: %s", association, type(error).__name__)
            status = ActionStatus.PROCESSING_FAILURE
        log.info("association %s: %s: %04X", association, read.__name__, status)
        return int(status), None

    def _keep_fact(self, session: Session, event: Any, read: Read) -> ActionStatus:
        if self._spool.free_bytes() < self._limits.low_water:
            return ActionStatus.RESOURCE_LIMITATION
        said = read(session.association, event.request, str(event.context.transfer_syntax))
        if isinstance(said, ActionStatus):
            return said
        session.record(self._spool)
        self._spool.report(said)
        return ActionStatus.SUCCESS

    def _refuse(self, session: Session, request: Any, refused: Refused) -> int:
        log.warning("association %s: object refused: %s", session.association.association, refused.reason)
        self._report(
            ObjectRefused(
                association=session.association.association,
                SOPClassUID=str(request.AffectedSOPClassUID),
                SOPInstanceUID=str(request.AffectedSOPInstanceUID),
                status=refused.status,
                reason=refused.reason,
                at=utc_now(),
            )
        )
        return refused.status

    def _ended(self, association: Any) -> None:
        session = self._sessions.get(association)
        if session is not None and session.recorded:
            name, seconds = session.association.association, time.monotonic() - session.started
            log.info("association %s ended: %d stored in %.1f s", name, session.stored, seconds)
            self._report(AssociationEnded(name, utc_now(), session.stored))
        # Last, for `stop` waits until there are none.
        self._sessions.pop(association, None)

    def _report(self, fact: AssociationEnded | AssociationRejected | ObjectRefused) -> None:
        try:
            self._spool.report(fact)
        except OSError as error:
            log.error("a fact could not be written down: errno %s", error.errno)
