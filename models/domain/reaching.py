"""The steps of reaching a Node, in their order, and how far somebody got who failed at one of them."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    NAME = "name"
    TCP = "tcp"
    TLS = "tls"
    ASSOCIATION = "association"
    ECHO = "echo"


WORDS = {
    Step.NAME: "the name of its host",
    Step.TCP: "the connection (TCP)",
    Step.TLS: "TLS",
    Step.ASSOCIATION: "the association",
    Step.ECHO: "the echo",
}


def how_far(failed: Step, *, with_tls: bool) -> str:
    """Like "Fails at TLS. Well before that: the name of its host, the connection (TCP)."."""
    steps = [step for step in Step if with_tls or step is not Step.TLS]
    well = ", ".join(WORDS[step] for step in steps[: steps.index(failed)])
    return f"Fails at {WORDS[failed]}." + (f" Well before that: {well}." if well else "")
