"""Mails without patient detail: what is said for which occasion, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage


@dataclass(frozen=True)
class Occasion:
    """`to` says which side is told: source, destination or both."""

    subject: str
    body: str
    to: tuple[str, ...]


OCCASIONS: Mapping[str, Occasion] = {
    "delivery-on-worklist": Occasion(
        "Study on your worklist", "A study from {source} waits on your worklist for release.", ("destination",)
    ),
    "delivery-confirmed": Occasion(
        "Study arrived",
        "A study from {source} is in {node}: {count} images, confirmed by its own answer.",
        ("destination",),
    ),
    "delivery-unverifiable": Occasion(
        "Study sent, not verifiable",
        "A study from {source} was sent to {node}, which cannot be asked. Please look.",
        ("destination",),
    ),
    "delivery-parked": Occasion(
        "Study needs attention",
        "A study from {source} for {destination} has stopped. {detail}",
        ("source", "destination"),
    ),
    "delivery-slow": Occasion(
        "Transfer takes long",
        "A study from {source} for {destination} has been on its way to {node} for an hour. It goes on by itself.",
        ("source", "destination"),
    ),
    "delivery-abandoned": Occasion(
        "Transfer abandoned",
        "A transfer from {source} to {destination} was abandoned at {count} images there.",
        ("source", "destination"),
    ),
    "delivery-refused": Occasion(
        "Study refused", "{destination} refused a study from {source}. The reason is on its page.", ("source",)
    ),
    "arrival-held": Occasion("Study held", "A study that you pushed is held. {detail}", ("source",)),
    "sender-changed": Occasion(
        "Unregistered AE title",
        "Images arrive from {source} and will be held: {detail} If that PACS was changed, register its new AE title.",
        ("source", "destination"),
    ),
}


def compose(kind: str, facts: Mapping[str, str], *, sender: str, recipient: str, message_id: str) -> EmailMessage:
    """The mail for an occasion. `facts` hold names, counts, the reference and the link, never patient detail."""
    occasion = OCCASIONS[kind]
    message = EmailMessage()
    message["Subject"] = f"[Image Exchange] {occasion.subject} - ref {facts['reference']}"
    message["From"] = sender
    message["To"] = recipient
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"{occasion.body.format_map(facts)}\n\n"
        f"Reference {facts['reference']}\nSign in: {facts['link']}\n\n"
        "This message contains no patient details.\n"
    )
    return message
