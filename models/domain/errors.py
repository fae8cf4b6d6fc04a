"""One tree of errors; whether a thing is tried again is said by its type.

ExchangeError
├── Passing                   tried again by the engine, for as long as it takes
│   ├── PeerUnreachable       no connection, no answer, connection lost: the outcome is unknown
│   ├── PeerBusy              the peer says "not now" (A7xx, rejected-transient)
│   ├── NodeHeld              a person keeps the Node back, or it allows no association: somebody must change that
│   ├── NodeDown              its health says that it does not answer
│   ├── OutsideWindow         what can wait goes there at other hours
│   └── NoSlot                every association the node allows is in use
└── Permanent                 a person must act
    ├── PeerRefuses           rejected-permanent, class refused, not authorised
    │   └── PeerUnable        it says that it cannot (Cxxx), not whether it ever will: believed after some more tries
    ├── NotSecured            TLS is wanted and cannot be had: wrong certificate, no TLS there; nothing was sent
    ├── NotAllowed            the lifecycle has no such step from here
    ├── NotFound              no such thing for this Institution
    └── Damaged               stored bytes are not the received bytes
"""

from __future__ import annotations

from datetime import datetime, timedelta

from models.domain.reaching import Step


class ExchangeError(Exception):
    """The message is one plain sentence with the next step; it never holds patient detail.

    `again_after` is how long to wait before it is tried again, where somebody has said so. `step` is the step of
    reaching a Node that failed, where it is one.
    """

    again_after: timedelta | None = None
    step: Step | None = None


class Passing(ExchangeError):
    """It may work later by itself."""


class PeerUnreachable(Passing):
    """No answer: what the peer did is unknown."""


class PeerBusy(Passing):
    """The peer answered "not now"."""


class NodeHeld(Passing):
    """Nothing is sent to this Node at present."""


class NodeDown(Passing):
    """The Node does not answer; it is asked again by itself."""


class OutsideWindow(Passing):
    """The Node takes what can wait at other hours; the window `opens` then."""

    def __init__(self, words: str, opens: datetime) -> None:
        super().__init__(words)
        self.opens = opens


class NoSlot(Passing):
    """All associations that the Node allows are in use."""


class Permanent(ExchangeError):
    """It will not work by itself: a person must act."""


class PeerRefuses(Permanent):
    """The peer answered "no"."""


class PeerUnable(PeerRefuses):
    """It answered that it cannot do what it was asked (Cxxx, PS3.4 Annex C.4.1.1.4), and not whether it ever will."""


class NotSecured(Permanent):
    """No connection to the peer that may be trusted. Nothing was sent, and it is never tried in the clear."""

    step = Step.TLS


class NotAllowed(Permanent):
    """The lifecycle has no such step from the present state."""


class NotFound(Permanent):
    """Nothing of that name exists for this Institution."""


class Damaged(Permanent):
    """Stored bytes differ from the received bytes."""
