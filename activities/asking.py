"""Asking a Node what it has: C-FIND (Study Root) and C-ECHO."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification

from activities.peer import PeerAddress, association, status_of
from models.domain.errors import ExchangeError, PeerBusy, PeerRefuses, PeerUnable
from models.domain.reaching import Step

PENDING = (0xFF00, 0xFF01)
SUCCESS = 0x0000
FIND = StudyRootQueryRetrieveInformationModelFind


def echo(peer: PeerAddress) -> None:
    """One C-ECHO; raises what is wrong, and at which step."""
    try:
        with association(peer, [build_context(Verification)]) as assoc:
            status = status_of(peer, assoc.send_c_echo())
            if status != SUCCESS:
                raise PeerRefuses(f"{peer.name} answers an echo with status {status:04X}.")
    except ExchangeError as fault:
        fault.step = fault.step or Step.ECHO
        raise


def find(peer: PeerAddress, assoc: Association, level: str, **keys: str) -> Iterator[Dataset]:
    """The matches for `keys` at STUDY, SERIES or IMAGE level.

    Raises PeerRefuses when the Node cannot be asked this (PeerUnable: perhaps only now), PeerBusy or PeerUnreachable
    when it may be asked later.
    """
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    for answer, match in assoc.send_c_find(identifier, FIND):
        status = status_of(peer, answer)
        if status in PENDING:
            if match is None:
                raise PeerRefuses(f"{peer.name} gave an answer that cannot be read.")
            yield match
        elif 0xA700 <= status <= 0xA7FF:
            raise PeerBusy(f"{peer.name} is too busy to be asked ({status:04X}).")
        elif status not in (SUCCESS, *PENDING):
            refused = PeerUnable if 0xC000 <= status <= 0xCFFF else PeerRefuses
            raise refused(f"{peer.name} cannot be asked: its answer was {status:04X}.")


def finder() -> list[PresentationContext]:
    """The context that asking needs."""
    return [build_context(FIND)]
