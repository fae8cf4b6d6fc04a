"""What the page showed in view of which a person decided: it travels with the decision, as `state` or `state:worklist`.

Of two people at one page the later one then reads who was first, also where both acts are possible one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """A state and, of what waits for its release, the worklist that it was on. What is empty was not said."""

    state: str = ""
    worklist_id: str = ""

    @classmethod
    def of(cls, words: str) -> Seen:
        state, _, worklist_id = words.partition(":")
        return cls(state, worklist_id)

    def __str__(self) -> str:
        return f"{self.state}:{self.worklist_id}" if self.worklist_id else self.state

    def is_past(self, present: Seen) -> bool:
        """Whether it says anything that does not hold any more."""
        return self.state not in ("", present.state) or self.worklist_id not in ("", present.worklist_id)
