"""kill -9 of one process, where the study comes in or where it goes out."""

from __future__ import annotations

from tests.end_to_end.exchange import Exchange
from tests.eventually import eventually
from tests.faults.fault import COMING_IN, GOING_OUT, Fault, Pushed
from tests.faults.recording_pacs import RecordingPacs
from tests.faults.sender import RetryingSender
from tests.faults.sockets import served_by

WHERE = {
    "edge": (COMING_IN,),
    "ingest": (COMING_IN,),
    "relay": (COMING_IN, GOING_OUT),
    "workflows": (COMING_IN, GOING_OUT),
    "transfer-bulk": (GOING_OUT,),
    "temporal": (COMING_IN, GOING_OUT),
    "postgresql": (COMING_IN, GOING_OUT),
    "recorder": (GOING_OUT,),
}
"""Every process that a study meets, and where its death is timed."""


class Killed(Fault):
    """The recorder kills itself, between keeping an image and answering; the others are killed."""

    def __init__(self, exchange: Exchange, recorder: RecordingPacs, victim: str) -> None:
        super().__init__(exchange, recorder, victim)
        self.where = WHERE[victim]

    def wait_until(self, where: str, at: int, sender: RetryingSender, pushed: Pushed) -> None:
        if self.victim == "recorder":
            self.recorder.die_after(at)
            eventually(self.recorder.has_died, timeout=60)
        else:
            super().wait_until(where, at, sender, pushed)

    def strike(self, sender: RetryingSender, pushed: Pushed) -> None:
        part = self.victim
        if part == "recorder":
            self.recorder.start()
            return
        if part == "edge":
            part = served_by(sender.local_port, {name: self.exchange.pid(name) for name in ("edge-1", "edge-2")})
        self.exchange.wait_for_another(part, than=self.exchange.kill(part))
