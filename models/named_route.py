"""Where the images of an arrival and its called AE title say that it goes, whoever sent it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.completeness import of_its_images
from models.directory import routing_directory, rules_of
from models.domain.routing import CALLED_AE_TITLE, Evidence, HeldReason, Routed, Unrouted, route
from models.tables import Arrival, Instance


def named_route(session: Session, arrival: Arrival) -> Routed | Unrouted:
    """By the rules that its transaction began with."""
    said = session.scalars(of_its_images(arrival, Instance.routing).distinct())
    evidence: list[Evidence] = [{**header, CALLED_AE_TITLE: arrival.called_ae_title} for header in said]
    rules = rules_of(session, arrival.institution_id, arrival.transaction.rules_version)
    return route(rules, evidence, routing_directory(session), arrival.institution_id)


def names_nothing(session: Session, arrival: Arrival) -> bool:
    """Whether no image of it names a destination, not even one that it cannot go to."""
    verdict = named_route(session, arrival)
    return isinstance(verdict, Unrouted) and verdict.reason is HeldReason.NO_ROUTE
