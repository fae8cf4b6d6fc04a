"""C-MOVE to us (PS3.4 Section C.4.2): what is asked for, and what the answers say. What has come they do not say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove
from temporalio.exceptions import CancelledError

from activities.peer import PeerAddress, association, status_of
from models.domain.retrieval import MoveOutcome, MoveRow, move_meaning
from models.domain.routing import AE_TITLE

MOVE = StudyRootQueryRetrieveInformationModelMove
SILENT = 300.0
"""Seconds that a PACS may send images without a pending response; many send none at all."""
AT_ONCE = 100
"""SOPInstanceUIDs in one request."""


@dataclass(frozen=True)
class Said:
    """The final answer to one C-MOVE or C-GET."""

    status: int
    row: MoveRow

    def __str__(self) -> str:
        return f"{self.status:04X} ({self.row.words})"


def whole(StudyInstanceUID: str, series: list[str]) -> list[Dataset]:
    """All of a study, or of the series that were picked."""
    if not series:
        return [_identifier("STUDY", StudyInstanceUID=StudyInstanceUID)]
    return [_identifier("SERIES", StudyInstanceUID=StudyInstanceUID, SeriesInstanceUID=uid) for uid in series]


def remaining(StudyInstanceUID: str, missing: Mapping[str, tuple[list[str], bool]]) -> list[Dataset]:
    """Only what has not come: whole series where nothing of one has, else its images."""
    return list(_remaining(StudyInstanceUID, missing))


def _remaining(study: str, missing: Mapping[str, tuple[list[str], bool]]) -> Iterator[Dataset]:
    for series, (uids, is_whole) in missing.items():
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
        if is_whole:
            yield _identifier("SERIES", **keys)
            continue
        waiting = iter(uids)
        while some := list(islice(waiting, AT_ONCE)):
            yield _identifier("IMAGE", **keys, SOPInstanceUID=some)


def move(
    peer: PeerAddress, identifiers: list[Dataset], beat: Callable[[], None], cancelled: Callable[[], bool]
) -> list[Said]:
    """Ask for all of `identifiers` on one association; the final answer to each. It ends at the first that is refused.

    Raises PeerUnreachable when the PACS falls silent, and what opening an association raises.
    """
    said: list[Said] = []
    with association(replace(peer, dimse_timeout=max(peer.dimse_timeout, SILENT)), [build_context(MOVE)]) as assoc:
        for number, identifier in enumerate(identifiers, 1):
            answers = assoc.send_c_move(identifier, AE_TITLE, MOVE, msg_id=number)
            said.append(final_answer(peer, assoc, answers, MOVE, number, beat, cancelled))
            if not goes_on(said[-1]):
                break
    return said


def goes_on(said: Said) -> bool:
    """Whether something else may be asked for after this answer."""
    return said.row.outcome in (MoveOutcome.ENDED, MoveOutcome.AGAIN)


def final_answer(
    peer: PeerAddress,
    assoc: Association,
    answers: Iterator[tuple[Dataset, Dataset | None]],
    model: UID,
    number: int,
    beat: Callable[[], None],
    cancelled: Callable[[], bool],
) -> Said:
    """The last of the `answers` to request `number` of C-MOVE or C-GET (`model`); raises as `move` does."""
    status = 0xFF00
    for answer, _ in answers:
        status = status_of(peer, answer)
        beat()
        if cancelled():
            assoc.send_c_cancel(number, query_model=model)
            raise CancelledError("It was withdrawn.")
    return Said(status, move_meaning(status))


def _identifier(level: str, **keys: str | list[str]) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier
