"""What a C-STORE status means for what is done next (PS3.4 Section B.2.3, PS3.7 Annex C)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    WARNED = "warned"
    BUSY = "busy"
    REFUSED = "refused"


@dataclass(frozen=True)
class Row:
    """`tries`: how often an image that is answered so is sent in one round before it is set aside; 0: without end."""

    first: int
    last: int
    outcome: Outcome
    words: str
    tries: int = 1


TABLE: tuple[Row, ...] = (
    Row(0x0000, 0x0000, Outcome.ACCEPTED, "stored"),
    Row(0xB000, 0xB000, Outcome.WARNED, "stored, with elements changed there"),
    Row(0xB006, 0xB006, Outcome.WARNED, "stored, with elements discarded there"),
    Row(0xB007, 0xB007, Outcome.WARNED, "stored, though it does not match its class"),
    # Whether it really is there is found out when the destination is asked.
    Row(0x0111, 0x0111, Outcome.WARNED, "known there already"),
    Row(0xA700, 0xA7FF, Outcome.BUSY, "out of resources", tries=0),
    # It may pass; where it does not it is about the image and not about the Node.
    Row(0x0213, 0x0213, Outcome.BUSY, "out of resources", tries=5),
    Row(0x0110, 0x0110, Outcome.BUSY, "failed there", tries=5),
    Row(0xA800, 0xA8FF, Outcome.REFUSED, "class not supported"),
    Row(0xA900, 0xA9FF, Outcome.REFUSED, "data set does not match its class", tries=2),
    Row(0xC000, 0xCFFF, Outcome.REFUSED, "not understood", tries=2),
    Row(0x0117, 0x0117, Outcome.REFUSED, "invalid instance"),
    Row(0x0118, 0x0118, Outcome.REFUSED, "no such class"),
    Row(0x0119, 0x0119, Outcome.REFUSED, "class and instance contradict each other"),
    Row(0x0122, 0x0122, Outcome.REFUSED, "class or transfer syntax not supported"),
    Row(0x0124, 0x0124, Outcome.REFUSED, "not authorised"),
)
NOT_SUPPORTED = 0x0122
NOT_SENT = -1
"""No status of DICOM: the image did not leave the exchange, for a reason that stands beside it in the ledger."""


def meaning(status: int) -> Row:
    """The row of `status`; a status that no standard knows is a refusal, never a success."""
    for row in TABLE:
        if row.first <= status <= row.last:
            return row
    return Row(status, status, Outcome.REFUSED, "unknown answer")


def because(name: str, aside: Iterable[tuple[int, str, int]]) -> str:
    """Why images were set aside, in one sentence; `aside`: status, reason and number of images for each kind.

    Like "ZX2_PACS did not take 1: transfer syntax JPEG 2000 is not supported there (0122)."; empty without any.
    """
    parts, said = [], ""
    for status, reason, count in aside:
        if status == NOT_SENT:
            parts.append(f"{count} could not be sent: {reason.rstrip('.')}")
        else:
            parts.append(f"{'' if said else f'{name} did not take '}{count}: {words_of(status, reason)}")
            said = name
    return f"{'; '.join(parts)}." if parts else ""


def words_of(status: int, reason: str) -> str:
    """What one image was answered, in words."""
    return reason if status == NOT_SENT else f"{reason or meaning(status).words} ({status:04X})"


def may_be_its_form(status: int) -> bool:
    """Whether a refusal may be about how an image is encoded, so that it may be taken in another transfer syntax."""
    return status == NOT_SUPPORTED or 0xA900 <= status <= 0xA9FF or 0xC000 <= status <= 0xCFFF


def remarks(stored: Mapping[int, int]) -> str:
    """What is to be known of images that are there all the same; `stored`: how many by status. Empty without any."""
    told = ((status, count) for status, count in sorted(stored.items()) if status in (0xB006, 0xB007) and count)
    return " ".join(f"{count} {meaning(status).words} ({status:04X})." for status, count in told)
