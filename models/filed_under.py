"""Whom an Institution was sent under identifiers that are not its own: the NHS number, or a sender's ID.

What it files under its own Patient IDs is for models/local_patients.py to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ScalarSelect, and_, case, func, or_, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from models.dicom import facts_from_json
from models.domain.identity import PatientFacts, declared_nhs, together
from models.domain.lifecycles.delivery import State
from models.domain.likeness import Likeness, agrees_in_all, likeness
from models.domain.nhs_number import ISSUER, issued_by_nhs, parse_nhs_number
from models.filed_before import went
from models.local_patients import arriving, bearers_of, facts_of, known_ids
from models.releasing import releasing
from models.tables import Arrival, ArrivalInstance, Delivery, Instance, Node, Parcel, Study, Transaction, Worklist
from models.tables.delivery import BARE_PATIENT_ID

ANOTHER_WENT = (
    "Your PACS has another person under the ID that these images carry, or is to get one; not released. "
    "Look in your PACS whose it is, then enter the ID under which you file this patient, or refuse them."
)
CALLED_OTHERWISE_WENT = (
    "Your PACS has somebody with another name, birth date or sex under the ID that these images carry, or is to get "
    "one; not released. "
    "Look in your PACS, then tick on your worklist that it is the same person, or enter the ID under which you file "
    "this patient."
)
"""What crosses the engine; the page names the ID and who it was."""
NEEDS_A_LOOK = "It is not released by itself: whose the Patient ID is needs a look."
"""Of a release by the exchange, in words for both sides."""
LEFT_OUT = ("PatientBirthDate", "PatientSex")
"""What an image may leave out although others of its study say it."""
MOST = 500
"""People that are looked at: an ID that a sender gives to all whom it does not know has any number."""


class Identifier(NamedTuple):
    """A Patient ID with its issuer as many PACS read it: in one case, and an NHS number whoever issued it."""

    patient_id: str
    issuer: str

    @classmethod
    def of(cls, patient_id: str, issuer: str) -> Identifier:
        number = parse_nhs_number(patient_id)
        return cls(number, ISSUER) if number else cls(patient_id.lower(), ISSUER if issued_by_nhs(issuer) else issuer)

    @property
    def is_number(self) -> bool:
        """Whether it is an NHS number: whoever goes under it has it, so that it tells nobody apart."""
        return parse_nhs_number(self.patient_id) is not None


class Bearer(NamedTuple):
    """Who went under an identifier, in which Transaction last."""

    patient: PatientFacts
    reference: str


def went_under(
    session: Session,
    institution_id: str,
    sought: Collection[Identifier],
    *,
    but: str = "",
    by_itself: bool = False,
    node_id: str = "",
) -> dict[Identifier, tuple[Bearer, ...]]:
    """Each person once, the latest before the others; not of the delivery `but`; to one Node, or to any. One select.

    For a release `by_itself` what else is to go so, or would have, counts as well.
    """
    if not sought:
        return {}
    patient_id, issuer = (Delivery.identity[name].astext for name in ("PatientID", "IssuerOfPatientID"))
    patients = [func.coalesce(_first_header(), Study.patient), *(_first_header(keyword) for keyword in LEFT_OUT)]
    may_be_nhs = func.coalesce(Node.patient_id_may_be_nhs, False)
    on_its_way = Delivery.state.in_((State.WAITING, State.ON_WORKLIST))
    goes_by_itself = and_(on_its_way, Worklist.auto_release, Delivery.released_at.is_(None))
    latest = func.array_agg(aggregate_order_by(Transaction.reference, Delivery.created_at.desc()))
    rows = session.execute(
        select(patient_id, issuer, may_be_nhs, latest, *patients)
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .join(Worklist, Worklist.id == Delivery.worklist_id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .join(Arrival, Arrival.id == Parcel.arrival_id)
        .join(Study, Study.id == Arrival.study_id)
        .outerjoin(Node, Node.id == Arrival.node_id)
        .where(
            Delivery.institution_id == institution_id,
            BARE_PATIENT_ID.in_([func.translate(func.lower(one.patient_id), " -", "") for one in sought]),
            issuer != institution_id,
            Delivery.id != but,
            *((Delivery.node_id == node_id,) if node_id else ()),
            or_(and_(*went()), goes_by_itself) if by_itself else and_(*went()),
        )
        .group_by(patient_id, issuer, may_be_nhs, *patients)
        .order_by(func.max(Delivery.created_at).desc())
        .limit(MOST)
    )
    found: dict[Identifier, list[Bearer]] = defaultdict(list)
    for its_id, its_issuer, is_declared, references, *stored in rows:
        identifier = Identifier.of(its_id, its_issuer)
        if identifier in sought and stored[0]:
            facts = together(facts_from_json(one) for one in stored if one)
            who = _who(its_id, its_issuer, declared_nhs(facts) if is_declared else facts)
            found[identifier].append(Bearer(who, references[0]))
    return {identifier: tuple(several) for identifier, several in found.items()}


def _first_header(said: str = "") -> ScalarSelect[dict[str, object]]:
    """Of the images that went, which agree: the first, or the first that says this of its patient.

    NULL once it is purged, when the study's tells.
    """
    says_so = Instance.patient[said].astext != "" if said else true()
    return (
        select(case((Instance.purged_at.is_(None), Instance.patient)))
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .where(ArrivalInstance.arrival_id == Arrival.id, says_so)
        .order_by(ArrivalInstance.position)
        .limit(1)
        .correlate(Arrival)
        .scalar_subquery()
    )


def _who(patient_id: str, issuer: str, patient: PatientFacts) -> PatientFacts:
    """Whoever went under an NHS number has it, whatever the header says."""
    if not issued_by_nhs(issuer):
        return patient
    return replace(patient, other_ids=(*patient.other_ids, (patient_id, ISSUER)))


def bearers(
    session: Session, delivery: Delivery, patient_id: str, issuer: str, *, by_itself: bool = False
) -> list[PatientFacts]:
    """Whom the destination is known to have under the identifier that a delivery is to go under."""
    own, number, sought = delivery.institution_id, parse_nhs_number(patient_id), Identifier.of(patient_id, issuer)
    went = went_under(session, own, {sought}, but=delivery.id, by_itself=by_itself).get(sought, ())
    found = [bearer.patient for bearer in went]
    if number or issuer == own:
        found += bearers_of(session, own, number or patient_id)
    patient = arriving(session, delivery)
    if number and not is_settled(patient, found):
        # Who has that number by an own ID is against somebody else's going under it, and for nobody's.
        others = (facts_of(row) for rows in known_ids(session, own, {number}).values() for row in rows)
        found += [one for one in others if not agrees_in_all(one, patient)]
    return found


def why_not_as_it_is(
    patient: PatientFacts, known: Iterable[PatientFacts], identifier: Identifier, *, same_person: bool = False
) -> str:
    """Why the patient is not filed under the identifier that the images carry, once these went so; empty if nothing.

    Images that say too little of their patient are taken by their ID: it is the sender's word. Once somebody has
    looked, so that two names or birth dates went under it, nobody is asked about these again.
    """
    went_so = list(known)
    found = _likenesses(patient, went_so, identifier)
    if is_settled(patient, went_so):
        return ""
    if Likeness.ANOTHER in found:
        return ANOTHER_WENT
    return CALLED_OTHERWISE_WENT if Likeness.DOUBTFUL in found and not same_person else ""


def is_settled(patient: PatientFacts, known: Iterable[PatientFacts]) -> bool:
    """Whether one of those who went under an identifier is this patient in every respect."""
    return any(agrees_in_all(one, patient) for one in known)


def is_known(patient: PatientFacts, known: Iterable[PatientFacts], identifier: Identifier) -> bool:
    """Whether one of those known under an identifier is certainly this patient."""
    return Likeness.SAME in _likenesses(patient, known, identifier)


def _likenesses(patient: PatientFacts, known: Iterable[PatientFacts], identifier: Identifier) -> set[Likeness]:
    number_tells = not identifier.is_number
    return {likeness(one, patient, number_tells=number_tells) for one in known}


def why_not_by_itself(session: Session, delivery: Delivery, in_pacs: Collection[PatientFacts] = ()) -> str:
    """The same for a release by the exchange, which takes nobody by an ID alone.

    `in_pacs` are whom the PACS has under it. Of two that come at once, one at least waits for a person.
    """
    identity = delivery.identity or {}
    patient_id, issuer = identity.get("PatientID", ""), identity.get("IssuerOfPatientID", "")
    # What is decided here is seen by whoever comes next only once it is committed.
    identifier = Identifier.of(patient_id, issuer)
    key = " ".join((delivery.institution_id, *identifier))
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 1))))
    patient, known = arriving(session, delivery), [*bearers(session, delivery, patient_id, issuer), *in_pacs]
    # What only waits as well settles nothing: it may be the same stranger's.
    settled = is_settled(patient, known)
    if not settled:
        # Whom nobody knows yet may be the same as somebody who only comes as well.
        known += bearers(session, delivery, patient_id, issuer, by_itself=True)
        known += [
            arriving(session, session.get_one(Delivery, one.delivery_id))
            for one in releasing(session, delivery)
            if Identifier.of(one.patient_id, one.issuer) == identifier
        ]
    found = _likenesses(patient, known, identifier)
    settles = {Likeness.DOUBTFUL, Likeness.SILENT} if settled else set()
    return NEEDS_A_LOOK if (found & {Likeness.ANOTHER, Likeness.DOUBTFUL, Likeness.SILENT}) - settles else ""
