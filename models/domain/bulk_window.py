"""The hours in which a Node takes what can wait, like "19:00-07:00" by its Institution's clocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

FORM = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class BulkWindow:
    """From `opens` to `closes`, over midnight where it closes earlier than it opens."""

    opens: time
    closes: time

    @classmethod
    def of(cls, words: str) -> BulkWindow | None:
        """What "19:00-07:00" says; None for nothing said, which is always. ValueError for anything else."""
        if not words:
            return None
        found = FORM.fullmatch(words)
        if found is None:
            raise ValueError(words)
        opens, closes = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
        if opens == closes:
            raise ValueError(words)
        return cls(opens, closes)

    def is_open(self, local: datetime) -> bool:
        at = local.time()
        if self.opens < self.closes:
            return self.opens <= at < self.closes
        return at >= self.opens or at < self.closes

    def next_opening(self, local: datetime) -> datetime:
        """The first time after `local` at which it opens, by the same clocks."""
        opening = local.replace(hour=self.opens.hour, minute=self.opens.minute, second=0, microsecond=0, fold=0)
        return opening if opening > local else opening + timedelta(days=1)
