"""One association to another application entity, and what its answers mean. No retry loops: the engine retries."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import _config, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation, UserIdentityNegotiation
from pynetdicom.presentation import PresentationContext, build_context

from activities.gate import closed_gate
from activities.outgoing import give_back, read_no_further_ahead
from activities.quick_socket import make_quick, mark
from activities.secured import OWN, Caller, Towards, towards
from activities.tls_trouble import tls_trouble
from models.domain.errors import ExchangeError, NotSecured, PeerBusy, PeerRefuses, PeerUnreachable
from models.domain.reaching import Step
from models.domain.routing import AE_TITLE
from models.tables import Node

_config.STORE_SEND_CHUNKED_DATASET = True
# What is asked for and answered names patients: it is for no log.
_config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
CONNECT_TIMEOUT = 5.0
ACSE_TIMEOUT = 10.0
MAXIMUM_PDU = 131072
MOST_CONTEXTS = 128
"""Presentation contexts in one association request (PS3.8 Section 9.3.2.2: odd identifiers from 1 to 255)."""
TRANSIENT = 2
USERNAME = 1
BY_CERTIFICATE = "certificate"


@dataclass(frozen=True)
class PeerAddress:
    """Where a Node listens; `dimse_timeout` in seconds, `dscp` the mark of what goes there (0: none).

    `tls`: empty for none, else how its certificate is checked, as the Node has it; `syntaxes` those that it prefers.
    """

    name: str
    ae_title: str
    host: str
    port: int
    dimse_timeout: float
    dscp: int = 0
    node_id: str = ""
    tls: str = ""
    certificate_sha256: str = ""
    syntaxes: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def of(cls, node: Node) -> PeerAddress:
        return cls(
            node.name,
            node.ae_title,
            node.host,
            node.port,
            node.dimse_timeout,
            node_id=node.id,
            tls=node.tls,
            certificate_sha256=node.certificate_sha256 or "",
            syntaxes=tuple(node.preferred_syntaxes),
        )


def contexts(pairs: Iterable[tuple[str, str]]) -> list[PresentationContext]:
    """One context for each (SOP class, transfer syntax), so that nothing is accepted in another syntax."""
    return [build_context(UID(sop_class), [UID(syntax)]) for sop_class, syntax in pairs]


@contextmanager
def association(
    peer: PeerAddress,
    wanted: list[PresentationContext],
    *,
    calling: str = AE_TITLE,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    user: str = "",
    handlers: Sequence[Any] = (),
    patience: float = ACSE_TIMEOUT,
) -> Iterator[Association]:
    """An association that is released at the end, or aborted when the block fails.

    `user` is told the peer as the user's identity (PS3.7 Section D.3.3.7).
    `handlers` are pynetdicom's, for what the peer asks in turn.
    `patience`: seconds at most for connecting, and for each step of opening and releasing it.

    Raises PeerUnreachable, PeerBusy (rejected for now), PeerRefuses (rejected for good), or NotSecured (its TLS cannot
    be trusted), which is told as an alarm as well. Nothing is said to it before its certificate was checked.
    """
    assoc = _opened(peer, wanted, calling, [*roles, *_identity(user)], handlers, patience)
    try:
        read_no_further_ahead(assoc, peer.name, peer.dimse_timeout)
        with closed_gate(assoc):
            yield assoc
    except BaseException as failure:
        if isinstance(failure, PeerUnreachable):
            _hang_up(assoc)
        assoc.abort()
        raise
    else:
        if assoc.is_established:
            assoc.release()
    finally:
        give_back(assoc)


def _opened(
    peer: PeerAddress,
    wanted: list[PresentationContext],
    calling: str,
    negotiated: list[SCP_SCU_RoleSelectionNegotiation | UserIdentityNegotiation],
    handlers: Sequence[Any],
    patience: float,
) -> Association:
    """An association that is established. Raises as `association` does."""
    ae = Caller(calling)
    ae.connection_timeout = min(CONNECT_TIMEOUT, patience)
    ae.acse_timeout = patience
    ae.dimse_timeout = peer.dimse_timeout
    ae.network_timeout = peer.dimse_timeout + 30
    opened: list[bool] = []
    try:
        secured = _secured(peer)
        assoc = ae.associate(
            peer.host,
            peer.port,
            contexts=wanted,
            ae_title=peer.ae_title,
            max_pdu=MAXIMUM_PDU,
            ext_neg=negotiated,
            tls_args=(secured, peer.host) if secured else None,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, lambda event: opened.append(True)),
                (evt.EVT_CONN_OPEN, make_quick),
                (evt.EVT_CONN_OPEN, mark, [peer.dscp]),
                *handlers,
            ],
        )
        if not assoc.is_established:
            raise _why_not(peer, assoc, secured, is_open=bool(opened))
    except (socket.gaierror, UnicodeError):
        raise _at(
            Step.NAME, PeerUnreachable(f"No address is known for {peer.host}, the host of {peer.name}.")
        ) from None
    except NotSecured as distrusted:
        if OWN.alarm is not None:
            OWN.alarm(peer.node_id, str(distrusted))
        raise
    return assoc


def _hang_up(assoc: Association) -> None:
    """What is being written to a peer that takes nothing would keep the abort waiting without end."""
    with contextlib.suppress(OSError, AttributeError):
        assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)


def _identity(user: str) -> Iterator[UserIdentityNegotiation]:
    if user:
        item = UserIdentityNegotiation()
        item.user_identity_type = USERNAME
        item.primary_field = user.encode()
        yield item


def status_of(peer: PeerAddress, answer: Dataset) -> int:
    """The status of an answer; PeerUnreachable when there is none, for then what the peer did is unknown."""
    if "Status" not in answer:
        raise PeerUnreachable(f"{peer.name} did not answer in time.")
    return int(answer.Status)


def _secured(peer: PeerAddress) -> Towards | None:
    if not peer.tls:
        return None
    if peer.tls == BY_CERTIFICATE and not peer.certificate_sha256:
        raise NotSecured(f"No certificate is registered for {peer.name}; register it (iep nodes set --certificate).")
    return towards(peer.name, peer.certificate_sha256 if peer.tls == BY_CERTIFICATE else None)


def _why_not(peer: PeerAddress, assoc: Association, secured: Towards | None, *, is_open: bool) -> ExchangeError:
    if assoc.is_rejected:
        answer = assoc.acceptor.primitive
        if answer is not None and answer.result == TRANSIENT:
            return _at(Step.ASSOCIATION, PeerBusy(f"{peer.name} has no association free."))
        return _at(Step.ASSOCIATION, PeerRefuses(f"{peer.name} rejects us: check the AE titles registered there."))
    if assoc.acceptor.primitive is not None and not assoc.accepted_contexts:
        words = f"{peer.name} takes none of the classes and transfer syntaxes that it was offered."
        return _at(Step.ASSOCIATION, PeerRefuses(words))
    if secured is not None and secured.trouble is not None:
        return tls_trouble(peer.name, peer.where, secured.trouble)
    if not is_open:
        return _at(Step.TCP, PeerUnreachable(f"{peer.name} does not answer at {peer.where}."))
    words = f"{peer.name} takes the connection at {peer.where}, and does not answer the request for an association."
    return _at(Step.ASSOCIATION, PeerUnreachable(words))


def _at(step: Step, error: ExchangeError) -> ExchangeError:
    error.step = step
    return error
