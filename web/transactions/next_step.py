"""What happens next by itself, and whose move it is, for every state in which a transaction can stand."""

from __future__ import annotations

from collections.abc import Mapping

from models.domain.lifecycles.request import OPEN
from models.domain.lifecycles.request import State as RequestState
from models.domain.lifecycles.transfer import State as TransferState
from models.queries.transaction import TransactionPage

NEXT: Mapping[tuple[str, str], str] = {
    ("request", "placed"): "Within seconds {source} has it on its page and in its mail.",
    ("request", "awaiting-source"): (
        "Nothing is sent until {source} acts. It is reminded by itself; what comes meanwhile and fits is taken."
    ),
    ("request", "awaiting-requester"): (
        "{source} waits for an answer of {destination}. Once it knows, by phone too, it takes the question back "
        "and accepts; it may send all the same."
    ),
    ("request", "awaiting-study"): (
        "Once it comes from {source}'s PACS it goes to {destination}'s worklist by itself."
    ),
    ("request", "partly-answered"): (
        "What came is on its way to {destination}. The rest follows once it comes from {source}'s PACS."
    ),
    ("request", "answered"): "Once {destination} has what came, the request is fulfilled and its requester is told.",
    ("request", "fulfilled"): "Nothing more.",
    ("request", "declined"): "Nothing more. {destination} has been told the reason, and may ring or ask anew.",
    ("request", "withdrawn"): "Nothing more. {source} has been told.",
    ("request", "expired"): "Nothing more. Both sides have been told; {destination} may ask anew, or ring.",
    ("transfer", "placed"): (
        "{node} lists every image; then they are fetched. While {node} cannot be reached it is asked again by itself."
    ),
    ("transfer", "retrieving"): (
        "What {node} does not send is asked for again; a study of which every image is here goes on to {destination}."
    ),
    ("transfer", "delivering"): "Once {destination} has every study the transfer is fulfilled.",
    ("transfer", "needs-attention"): (
        "Nothing happens by itself unless what is missing comes. A retry fetches what is missing; "
        "a study of which every image is here is on its way already."
    ),
    ("transfer", "fulfilled"): "Nothing more.",
    ("transfer", "withdrawn"): "Nothing more. Images that came for it and were not on their way are held at {source}.",
    ("arrival", "receiving"): "Once no more images come, the study counts as complete and its route is decided.",
    ("arrival", "forwarding"): "Images are sent on as they come; once no more come, the study counts as complete.",
    ("arrival", "settled"): "Within seconds it is on its way to the destination, or held here with a reason.",
    ("arrival", "held"): "Nothing happens by itself: it waits until {source}'s PACS officer assigns or refuses it.",
    ("arrival", "routed"): "Within seconds it is on {destination}'s worklist.",
    ("arrival", "matched"): "Within seconds it is on {destination}'s worklist.",
    ("arrival", "refused"): "Nothing more. To send the study all the same, push it again from your PACS.",
    ("delivery", "waiting"): "Within seconds it is on {destination}'s worklist.",
    ("delivery", "on-worklist"): "Nothing is sent until {destination}'s PACS officer releases it.",
    ("delivery", "sending"): (
        "Each image is sent until {node} accepts it. While {node} cannot be reached it is tried again by itself, "
        "for as long as it takes."
    ),
    ("delivery", "sent"): "{node} is asked for every image; whatever it lacks is sent once more.",
    ("delivery", "needs-attention"): "Nothing happens by itself: it waits for a decision. What {node} has, it keeps.",
    ("delivery", "differs-at-destination"): (
        "Nothing happens by itself. {destination} corrects the identifiers in {node}; then a retry asks again."
    ),
    ("delivery", "confirmed"): "Nothing more. Images that come later follow as a transaction of their own.",
    ("delivery", "confirmed-in-part"): (
        "Nothing more. To send what was left out after all, push the study again from the PACS of {source}."
    ),
    ("delivery", "unverifiable"): "Nothing more. Somebody at {destination} looks whether the study is in {node}.",
    ("delivery", "abandoned"): "Nothing more. To send the study after all, push it again from the PACS of {source}.",
    ("delivery", "refused"): "Nothing more. {source} has been told the reason.",
}

SOURCE = "{source}"
BOTH = "{destination} or {source}"
MOVES: Mapping[tuple[str, str], str] = {
    ("request", "awaiting-source"): SOURCE,
    ("request", "awaiting-requester"): "{destination}",
    ("request", "awaiting-study"): SOURCE,
    ("request", "partly-answered"): SOURCE,
    ("transfer", "needs-attention"): SOURCE,
    ("arrival", "held"): SOURCE,
    ("delivery", "on-worklist"): "{destination}",
    ("delivery", "needs-attention"): BOTH,
    ("delivery", "differs-at-destination"): "{destination}",
}


OF_TWO = (
    "Nothing happens by itself: it waits until {source}'s PACS officer refuses it; "
    "once it is right, the sender pushes it again."
)
UNASKED = "Once {node} can be asked whose the Patient ID is, it goes by itself, unless that is somebody else's."
LOOK = "Somebody at {destination} or {source} says below whether what may answer it does. "


def next_step(page: TransactionPage) -> str:
    by_itself = NEXT[page.lifecycle, page.state]
    if page.conflict:
        by_itself = OF_TWO
    if page.delivery and page.delivery.is_unasked:
        by_itself = UNASKED
    if page.request and page.state == RequestState.PARTLY_ANSWERED:
        by_itself = _of_a_part(page)
    may_answer = page.request and page.state in OPEN and page.under_way.possible
    # What may answer it is on its way already.
    return _filled(LOOK + by_itself.replace("Nothing is", "Nothing more is") if may_answer else by_itself, page)


def _of_a_part(page: TransactionPage) -> str:
    """Of a request that was answered in part; or declined in part, before anything came."""
    if page.present == page.total:
        return NEXT["request", "answered"]
    if not page.present:
        return NEXT["request", "awaiting-study"]
    if page.under_way.on_worklist or page.under_way.stopped:
        return "What came waits for a person at {destination}. The rest follows once it comes from {source}'s PACS."
    return NEXT["request", "partly-answered"]


def whose_move(page: TransactionPage) -> str:
    """The Institution whose decision it waits for; empty while the exchange goes on by itself."""
    move, coming = MOVES.get((page.lifecycle, page.state), ""), page.under_way
    if page.delivery and page.delivery.is_unasked:
        return ""
    has_come = page.state == RequestState.PARTLY_ANSWERED and page.present == page.total
    if (page.request or page.transfer) and (
        page.state in (RequestState.ANSWERED, TransferState.DELIVERING) or has_come
    ):
        # All that was asked for has come: what holds it up is what holds its deliveries up.
        move = _of_what_came(page)
    elif page.request and move == SOURCE and any((coming.on_worklist, coming.stopped, coming.possible)):
        # The source still owes something, and a person of either side has something to say to what came.
        move = BOTH
    return _filled(move, page)


def _of_what_came(page: TransactionPage) -> str:
    coming = page.under_way
    if coming.stopped or (coming.held and coming.on_worklist):
        return BOTH
    return SOURCE if coming.held else "{destination}" if coming.on_worklist else ""


def _filled(text: str, page: TransactionPage) -> str:
    return text.format(
        source=page.source.ods_code,
        destination=page.destination.ods_code if page.destination else "the destination",
        node=page.delivery.node if page.delivery else page.transfer.node if page.transfer else "the destination's Node",
    )
