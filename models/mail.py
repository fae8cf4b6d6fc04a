"""Mails without patient detail: what is said for which occasion, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage


@dataclass(frozen=True)
class Occasion:
    """`to` says which side is told: source, destination, the person who placed a request or
    a transfer (requester, sender), who took a decision (decider), or whose images they are (origin).
    """

    subject: str
    body: str
    to: tuple[str, ...]


REQUESTER = ("requester", "destination")
"""The person who asked, and the address of the Institution: one of them may be on leave."""

OCCASIONS: Mapping[str, Occasion] = {
    "request-placed": Occasion(
        "Request for images or reports ({urgency})",
        "{destination} asks you for images or reports. Its page says which, for whom and why; "
        "accept, send, ask back or decline.",
        ("source",),
    ),
    "request-reminder": Occasion(
        "Reminder: request for images or reports ({urgency})",
        "{destination} still waits for your answer, or for what it asked for.",
        ("source",),
    ),
    "request-unanswered": Occasion(
        "Your request is still open",
        "{source} has been reminded several times and has not sent what you asked for. Ring {source}: {phone}.",
        REQUESTER,
    ),
    "request-reply-reminder": Occasion(
        "Reminder: your answer is needed",
        "{source} has asked you something about your request, and waits for the answer.",
        REQUESTER,
    ),
    "request-accepted": Occasion("Request accepted", "{source} will send what you asked for.", ("requester",)),
    "request-asked-back": Occasion(
        "A question about your request", "{source} asks you something before it sends. Please answer.", REQUESTER
    ),
    "request-replied": Occasion(
        "Your question is answered", "{destination} has answered your question about its request.", ("source",)
    ),
    "request-declined": Occasion(
        "Request declined", "{source} does not send what you asked for, or a part of it; the page says why.", REQUESTER
    ),
    "request-withdrawn": Occasion(
        "Request withdrawn", "{destination} does not need what it asked you for any more.", ("source",)
    ),
    "request-overdue": Occasion(
        "Needed by now: request for images or reports",
        "What {destination} asked {source} for was needed by now, and is not all there. It goes on all the same; "
        "ring {source} if it cannot wait: {phone}.",
        ("source", *REQUESTER),
    ),
    "transfer-overdue": Occasion(
        "Needed by now: transfer",
        "What {source} sends to {destination} was needed by now, and is not all there. It goes on all the same.",
        ("sender", "source", "destination"),
    ),
    "request-expired": Occasion(
        "Request expired",
        "What {destination} asked {source} for was not sent in time and is not awaited any more. "
        "If it is still needed, ask again, or ring {source}: {phone}.",
        ("source", *REQUESTER),
    ),
    "request-answered": Occasion(
        "Your request is answered",
        "What you asked {source} for has come, as far as it does. Once it is in your PACS you are told again.",
        REQUESTER,
    ),
    "request-fulfilled": Occasion("Your request is fulfilled", "What came from {source} is in your PACS.", REQUESTER),
    "request-reopened": Occasion(
        "Request open again",
        "What {source} sent in answer to the request of {destination} did not get there: it was refused or abandoned. "
        "The page says why. {source} is asked to send it again, or to decline.",
        ("source", *REQUESTER),
    ),
    "transfer-parked": Occasion(
        "Transfer needs attention",
        "What you send from your PACS to {destination} has stopped. {detail}",
        ("sender", "source"),
    ),
    "transfer-slow": Occasion(
        "Transfer takes long",
        "What you send from your PACS to {destination} has not come from it within an hour. It goes on by itself.",
        ("sender", "source"),
    ),
    "transfer-fulfilled": Occasion(
        "Transfer fulfilled", "What you sent from your PACS is at {destination}.", ("sender",)
    ),
    "delivery-on-worklist": Occasion(
        "Study on your worklist", "A study from {source} waits on your worklist for release.", ("destination",)
    ),
    "delivery-confirmed": Occasion(
        "Study arrived",
        "A study from {source} is in {node}: {count} images, confirmed by its own answer.",
        ("destination",),
    ),
    "delivery-confirmed-in-part": Occasion(
        "Study arrived in part",
        "A study from {source} is in {node} but for what was left out: {count} images, confirmed by its own answer. "
        "The page says which and why.",
        ("source", "destination", "requester"),
    ),
    "delivery-unverifiable": Occasion(
        "Study sent, not verifiable",
        "A study from {source} was sent to {node}, which cannot be asked. Please look.",
        ("destination",),
    ),
    "delivery-parked": Occasion(
        "Study needs attention",
        "A study from {source} for {destination} has stopped. {detail}",
        ("source", "destination", "requester"),
    ),
    "delivery-slow": Occasion(
        "Transfer takes long",
        "A study from {source} for {destination} has been on its way to {node} for an hour. It goes on by itself.",
        ("source", "destination"),
    ),
    "delivery-waits-for-downtime": Occasion(
        "{node} is down for planned work",
        "A study from {source} for {destination} waits: nothing is sent to {node} during its planned downtime. "
        "It goes on by itself afterwards; nobody needs to act.",
        ("source", "sender", "requester"),
    ),
    "delivery-abandoned": Occasion(
        "Transfer abandoned",
        "A transfer from {source} to {destination} was abandoned at {count} images there.",
        ("source", "destination"),
    ),
    "delivery-refused": Occasion(
        "Study refused", "{destination} refused a study from {source}. The reason is on its page.", ("source",)
    ),
    "delivery-forwarded": Occasion(
        "Study forwarded",
        "{source} has forwarded a study that came from you to {destination}, as the agreement with it allows.",
        ("origin",),
    ),
    "handed-to-source": Occasion(
        "Support hands this over to you", "Support has left you a note about it, under Support acts.", ("source",)
    ),
    "handed-to-destination": Occasion(
        "Support hands this over to you", "Support has left you a note about it, under Support acts.", ("destination",)
    ),
    "arrival-held": Occasion("Study held", "{study} is held. {detail}", ("source",)),
    "decision-refused": Occasion(
        "Your decision was not carried out",
        "What you decided was saved, since the exchange could not act on it at once. Now it can, and does not do so: "
        "the page says why. Please decide again there.",
        ("decider",),
    ),
    "sender-changed": Occasion(
        "Unregistered AE title",
        "Images arrive from {source} and will be held: {detail} If that PACS was changed, register its new AE title.",
        ("source", "destination"),
    ),
}


def compose(kind: str, facts: Mapping[str, str], *, sender: str, recipient: str, message_id: str) -> EmailMessage:
    """The mail for an occasion. `facts` hold names, counts, reference, link and the one sentence, no patient detail."""
    occasion = OCCASIONS[kind]
    message = EmailMessage()
    message["Subject"] = f"[Image Exchange] {occasion.subject.format_map(facts)} - ref {facts['reference']}"
    message["From"] = sender
    message["To"] = recipient
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"{occasion.body.format_map(facts)}\n\n"
        f"How it stands: {facts['stands']}\n\n"
        f"Reference {facts['reference']}\nSign in: {facts['link']}\n\n"
        "This message contains no patient details.\n"
    )
    return message
