"""What crosses a border for transfers."""

from __future__ import annotations

from dataclasses import dataclass

from models.domain.contracts import NoticeRequest
from models.domain.urgency import Urgency


@dataclass(frozen=True)
class SearchStart:
    search_id: str


@dataclass(frozen=True)
class TransferStart:
    """`state` and the mails that are `untold` carry on where an earlier run of the same workflow ended."""

    transfer_id: str
    urgency: Urgency
    state: str = ""
    untold: tuple[NoticeRequest, ...] = ()


@dataclass(frozen=True)
class Retrieved:
    """`here` of `total` images have come; `sentence` says what the PACS answers for the others.

    `refused`: it will not send them however often it is asked. `moved`: a delivery of some has ended already.
    """

    here: int
    total: int
    complete: bool
    sentence: str = ""
    refused: bool = False
    moved: bool = False


@dataclass(frozen=True)
class TransferProgress:
    """`here` of `total` images have come; of the studies, how many are delivered, or cannot be any more (`failed`).

    `sentence` says who ended the deliveries that failed.
    """

    here: int
    total: int
    complete: bool
    studies: int
    delivered: int
    failed: int
    sentence: str = ""


@dataclass(frozen=True)
class SheetStart:
    sheet_id: str
