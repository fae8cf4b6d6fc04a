"""What is offered to a Node for each image, and which of it the Node takes (PS3.8 Section 9.3.2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydicom.uid import UID
from pynetdicom.association import Association

from activities.consignment import Image
from activities.peer import MOST_CONTEXTS
from models.domain.syntaxes import in_order, syntax_of

Pair = tuple[str, str]
"""A SOP class and a transfer syntax."""
SYNTAXES_REFUSED = 0x04
"""The Node knows the class, but none of the syntaxes offered for it."""


def offer(pair: Pair, preferred: Sequence[str] = ()) -> list[Pair]:
    """The image as it is and what it may be converted to, the best first for a Node that has `preferred` syntaxes."""
    sop_class, syntax = pair
    return [(sop_class, other) for other in in_order(syntax, preferred)]


def offers(first: Pair, others: Iterable[Pair]) -> list[Pair]:
    """For one association: all that belongs to `first`, in case a study has more pairs than may be offered at once."""
    offered = dict.fromkeys(offer(first))
    for pair in others:
        if len(offered.keys() | offer(pair)) <= MOST_CONTEXTS:
            offered |= dict.fromkeys(offer(pair))
    return list(offered)


def taken(image: Image, accepted: set[Pair], preferred: Sequence[str] = ()) -> str:
    """The best transfer syntax in which the Node takes `image`; empty where there is none."""
    possible = [pair for pair in offer(image.pair, preferred) if pair in accepted]
    if image.uncompressed:
        possible = [pair for pair in possible if pair != image.pair]
    return possible[0][1] if possible else ""


def why_not_taken(image: Image, assoc: Association) -> str:
    """In words, as the Node has answered to what was offered."""
    known = [*assoc.accepted_contexts, *(c for c in assoc.rejected_contexts if c.result == SYNTAXES_REFUSED)]
    if any(str(context.abstract_syntax) == image.SOPClassUID for context in known):
        return f"transfer syntax {syntax_of(image.TransferSyntaxUID).name} is not supported there"
    return f"class {UID(image.SOPClassUID).name} is not supported there"
