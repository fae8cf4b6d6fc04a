"""C-GET (PS3.4 Section C.4.3): images come on the association that asks for them, and each is handed on to our edge.

What the final answers mean the table of C-MOVE says: the statuses that both have are the same (PS3.4 Sections
C.4.2.1.5 and C.4.3.1.4). As there, what has come they do not say.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet
from temporalio.exceptions import CancelledError

from activities.handing_on import OUT_OF_RESOURCES, HandingOn, Onward
from activities.moving import SILENT, Said, final_answer, goes_on
from activities.peer import MOST_CONTEXTS, PeerAddress, association, contexts
from activities.received_file import kept_in_files
from activities.storage import COMMON_CLASSES, TRANSFER_SYNTAXES
from models.domain.errors import ExchangeError, PeerRefuses

GET = StudyRootQueryRetrieveInformationModelGet
CLASSES_AT_ONCE = (MOST_CONTEXTS - 1) // len(TRANSFER_SYNTAXES)
"""SOP classes for which an association has room beside the context that asks, each in every transfer syntax."""
Pairs = list[tuple[str, str]]


class Ended(BaseException):
    """Carries why it must end through pynetdicom, which answers any Exception to the peer as a failure, and goes on."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.why = why


def get(
    peer: PeerAddress,
    identifiers: list[Dataset],
    classes: Collection[str],
    onward: Onward,
    beat: Callable[[], None],
    cancelled: Callable[[], bool],
) -> list[Said]:
    """Ask for all of `identifiers`, which are of these SOP `classes` ("": unknown); the final answers.

    An association for every few classes. Each class is on one of them, so that none of its images comes twice. It ends
    at the first answer that is a refusal.

    Raises PeerUnreachable when the PACS falls silent, PeerRefuses when it does not serve C-GET, CancelledError, and
    what opening an association to it or to the edge raises.
    """
    said: list[Said] = []
    patient = replace(peer, dimse_timeout=max(peer.dimse_timeout, SILENT))
    asked = False
    for group in in_groups(classes):
        wanted = [build_context(GET), *contexts(product(group, _best_first(peer.syntaxes)))]
        roles = [build_role(one, scp_role=True) for one in group]
        with association(patient, wanted, roles=roles) as assoc:
            pairs = _receivable(peer, assoc)
            if not pairs:
                continue
            asked = True
            with HandingOn(onward, pairs) as edge:
                said += _answers(peer, assoc, edge, identifiers, beat, cancelled)
        if said and not goes_on(said[-1]):
            break
    if not asked:
        raise PeerRefuses(f"{peer.name} gives no images to whoever asks for them by C-GET; let it send them by C-MOVE.")
    return said


def in_groups(classes: Collection[str]) -> Iterator[list[str]]:
    """As many as one association has room for; with unknown ones among them also those that are common."""
    known = dict.fromkeys(sorted(filter(None, classes)))
    rest = iter(known if all(classes) and known else known | dict.fromkeys(COMMON_CLASSES))
    while group := list(islice(rest, CLASSES_AT_ONCE)):
        yield group


def _best_first(preferred: Sequence[str]) -> list[str]:
    """All TRANSFER_SYNTAXES, the PACS's `preferred` ones before the rest: many a PACS takes the first it can serve."""
    return sorted(TRANSFER_SYNTAXES, key=lambda one: preferred.index(one) if one in preferred else len(preferred))


def _receivable(peer: PeerAddress, assoc: Association) -> Pairs:
    """In which (SOP class, transfer syntax) the peer may store on this association (PS3.7 Section D.3.3.4)."""
    accepted = assoc.accepted_contexts
    if not any(context.abstract_syntax == GET for context in accepted):
        raise PeerRefuses(f"{peer.name} does not serve C-GET; let it send its images by C-MOVE.")
    return [
        (str(context.abstract_syntax), str(context.transfer_syntax[0]))
        for context in accepted
        if context.abstract_syntax != GET and context.as_scp
    ]


def _answers(
    peer: PeerAddress,
    assoc: Association,
    edge: HandingOn,
    identifiers: list[Dataset],
    beat: Callable[[], None],
    cancelled: Callable[[], bool],
) -> Iterator[Said]:
    over = threading.Event()

    def hand_on(event: Any) -> int:
        file = event.request._dataset_file
        try:
            if over.is_set():
                # What the peer had sent before it knew is read by the association's own thread.
                return OUT_OF_RESOURCES
            beat()
            if cancelled():
                raise Ended(CancelledError("It was withdrawn."))
            return edge.store(file)
        except ExchangeError as fault:
            # Nothing is taken from the PACS that cannot be kept.
            raise Ended(fault) from None
        finally:
            file.close()

    assoc.bind(evt.EVT_C_STORE, hand_on)
    try:
        with kept_in_files(assoc):
            for number, identifier in enumerate(identifiers, 1):
                answers = assoc.send_c_get(identifier, GET, msg_id=number)
                said = final_answer(peer, assoc, answers, GET, number, beat, cancelled)
                yield said
                if not goes_on(said):
                    return
    except Ended as ended:
        raise ended.why from None
    finally:
        over.set()
