"""Where the images of an arrival and its called AE title say that it goes, whoever sent it."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from models.completeness import of_its_images
from models.directory import routing_directory, rules_of
from models.domain.routing import CALLED_AE_TITLE, Evidence, Routed, Unrouted, route
from models.tables import Arrival, Instance


def named_route(session: Session, arrival: Arrival, *of_images: ColumnElement[bool]) -> Routed | Unrouted:
    """By the rules that its transaction began with, and what those of its images say that fulfil the conditions."""
    said = session.scalars(of_its_images(arrival, Instance.routing).where(*of_images).distinct())
    evidence: list[Evidence] = [{**header, CALLED_AE_TITLE: arrival.called_ae_title} for header in said]
    rules = rules_of(session, arrival.institution_id, arrival.transaction.rules_version)
    return route(rules, evidence, routing_directory(session), arrival.institution_id)
