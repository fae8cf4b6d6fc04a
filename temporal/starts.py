"""Which workflow goes on with a row, and how it is begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from models.domain.commitment_contracts import CommitmentStart
from models.domain.contracts import ArrivalStart, DeliveryStart, NodeStart
from models.domain.request_contracts import RequestStart
from models.domain.transfer_contracts import SearchStart, SheetStart, TransferStart
from workflows.bulk_sheet import BulkSheet
from workflows.commitment_answer import CommitmentAnswer
from workflows.delivery import Delivery
from workflows.image_request import ImageRequest
from workflows.node_health import NodeHealth
from workflows.pacs_search import PacsSearch
from workflows.study_arrival import StudyArrival
from workflows.transfer import Transfer

Start = (
    ArrivalStart | CommitmentStart | DeliveryStart | NodeStart | RequestStart | SearchStart | SheetStart | TransferStart
)


@dataclass(frozen=True)
class Kind:
    """The workflow `prefix`-`row_id`. One that runs is left as it is, but for the signal `word` where there is one.

    `once`: one that has come to its end stays so, even where its row does not say that it is finished.
    """

    prefix: str
    run: Any
    row_id: Callable[[Any], str]
    word: str | None = None
    once: bool = False


KINDS: Mapping[type[Start], Kind] = {
    ArrivalStart: Kind("arrival", StudyArrival.run, attrgetter("arrival_id")),
    CommitmentStart: Kind("commitment", CommitmentAnswer.run, attrgetter("request_id"), once=True),
    DeliveryStart: Kind("delivery", Delivery.run, attrgetter("delivery_id")),
    NodeStart: Kind("node", NodeHealth.run, attrgetter("node_id")),
    RequestStart: Kind("request", ImageRequest.run, attrgetter("request_id")),
    SearchStart: Kind("search", PacsSearch.run, attrgetter("search_id")),
    SheetStart: Kind("sheet", BulkSheet.run, attrgetter("sheet_id"), word="rows_sent"),
    TransferStart: Kind("transfer", Transfer.run, attrgetter("transfer_id")),
}


def workflow_id(start: Start) -> str:
    """The id of the workflow that `start` begins."""
    kind = KINDS[type(start)]
    return f"{kind.prefix}-{kind.row_id(start)}"
