"""What Delivery asks of the database: how a parcel stands on its worklist, and what to send once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from activities.border import acts
from activities.effects import content_of, reassigned_to, redirected_to
from activities.whose_id import askable, filed_as, of_an_own_id, of_the_issuer, whose
from models.db import Database
from models.deliveries import automatic_identity
from models.domain.contracts import Listing, NodeQuestion, WorklistQuestion
from models.domain.errors import Passing, Permanent
from models.domain.identity import BY_A_PERSON, PatientFacts
from models.domain.lifecycles.delivery import Event, State
from models.domain.lifecycles.node import AWAY
from models.filed_before import FILED_OTHERWISE, parts_the_study
from models.filed_under import Identifier, bearers, is_settled, went_under, why_not_as_it_is, why_not_by_itself
from models.local_patients import arriving, why_not_filed_as
from models.tables import Delivery, LedgerEntry, Node, Transaction, TransitionRow, now

ASK_AGAIN = timedelta(seconds=15)

NOT_THERE = "It cannot wait on that worklist, which has the same images already or is not yours; choose another."

NOT_TO_THAT_NODE = (
    "It cannot go to that Node, which receives nothing any more or is not the destination's; choose another."
)

ANOTHER_WENT_THERE = (
    "It would carry another Patient ID at that Node, and whose that is needs a look; "
    "choose another Node, or abandon it."
)
ANOTHER_IS_THERE = (
    "That Node has somebody else, or somebody called otherwise, under the Patient ID of these images; "
    "choose another Node, or abandon it and have it sent again, for its worklist."
)

IT_DOES_NOT_SAY = (
    "That Node cannot be asked at present whose the Patient ID is, so that nothing is sent there; "
    "try again once it answers, or choose another Node."
)


def _can_say(node: Node) -> bool:
    return node.query_back and node.receives


def _has_it(session: Session, delivery: Delivery, node: Node, identity: dict[str, Any]) -> bool:
    """Whether the exchange itself has filed exactly this patient so at that Node."""
    identifier = Identifier.of(identity["PatientID"], identity["IssuerOfPatientID"])
    went = went_under(session, delivery.institution_id, {identifier}, but=delivery.id, node_id=node.id)
    return is_settled(arriving(session, delivery), (bearer.patient for bearer in went.get(identifier, ())))


def _goes_as_another(session: Session, delivery: Delivery, after: dict[str, Any]) -> bool:
    """Whether a Node takes it under an identifier that nobody has entered or approved, and went with another."""
    before = delivery.identity or {}
    is_same = [before.get(name) == after.get(name) for name in ("PatientID", "IssuerOfPatientID")] == [True, True]
    return not is_same and bool(_why_not(session, delivery, after, ()))


def _identity_at(session: Session, delivery: Delivery, node: Node) -> dict[str, Any]:
    """As what that Node would file it; what a person entered stays."""
    if delivery.identity and delivery.identity["basis"] == BY_A_PERSON:
        return delivery.identity
    return automatic_identity(session, delivery, node) or {}


def _why_not(session: Session, delivery: Delivery, identity: dict[str, Any], filed: Sequence[PatientFacts]) -> str:
    """Why it cannot go as `identity`, by what is known here, and whom a PACS has `filed` under that Patient ID."""
    patient, patient_id, issuer = arriving(session, delivery), identity["PatientID"], identity["IssuerOfPatientID"]
    if identity["basis"] == BY_A_PERSON:
        # What is known of it here, who entered it has read.
        return why_not_filed_as(patient, patient_id, of_an_own_id(session, filed, patient_id, issuer))
    known = [*bearers(session, delivery, patient_id, issuer), *of_the_issuer(filed, patient_id, issuer)]
    return why_not_as_it_is(patient, known, Identifier.of(patient_id, issuer))


def _listing(session: Session, delivery: Delivery, in_pacs: Sequence[PatientFacts] | None) -> Listing:
    """Whether the exchange releases it. Not before its Node could be asked: nothing can be sent there either."""
    found = delivery.identity
    if not delivery.worklist.auto_release:
        return Listing(False, "")
    if found is None:
        return Listing(False, "It carries no identifier that could be used as it is; enter the local one.")
    if parts_the_study(session, delivery, found["PatientID"]):
        return Listing(False, FILED_OTHERWISE)
    if delivery.released_at is None:
        if refused := why_not_by_itself(session, delivery, in_pacs or ()):
            return Listing(False, refused)
        if in_pacs is None:
            words = f"It goes by itself once {delivery.node.name} can be asked whose the Patient ID is."
            return Listing(False, words, unasked=True)
    return Listing(True, f"Released by the exchange; filed under {found['basis']}.")


class DeliveryActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def put_on_worklist(self, delivery_id: str) -> Listing:
        """Work out under which identifiers the parcel can arrive by itself. Idempotent by delivery."""
        in_pacs = self._in_pacs(delivery_id)
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
            forwarded = session.get_one(Transaction, delivery.transaction_id).kind == "forward"
            if delivery.released_at is not None:
                # It stays what it was released under: a person may have, while this was asked.
                return replace(_listing(session, delivery, ()), forwarded=forwarded)
            delivery.identity = automatic_identity(session, delivery)
            listing = _listing(session, delivery, in_pacs)
            if delivery.state == State.ON_WORKLIST and delivery.worklist.auto_release and not listing.automatic:
                # Why it waits may be another reason by now.
                delivery.state_detail = listing.detail
            delivery.waiting_since = now() if listing.unasked else None
            # One that counts as away is waited for; one that only did not answer is asked again soon.
            asks_soon = listing.unasked and delivery.node.state not in AWAY
            delivery.waiting_until = now() + ASK_AGAIN if asks_soon else None
            return replace(listing, forwarded=forwarded)

    def _in_pacs(self, delivery_id: str) -> list[PatientFacts] | None:
        """Whom the destination's PACS has under what a release by the exchange would use, where that is not known.

        None where it must be asked, and is away.
        """
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id)
            is_due = delivery.worklist.auto_release and delivery.released_at is None
            found = automatic_identity(session, delivery) if is_due and _can_say(delivery.node) else None
            if found is None or _has_it(session, delivery, delivery.node, found):
                return []
            patient_id, issuer = found["PatientID"], found["IssuerOfPatientID"]
            peer = askable(delivery.node)
        try:
            return of_the_issuer(whose(peer, patient_id), patient_id, issuer) if peer else None
        except Passing:
            return None
        except Permanent:
            # One that refuses to be asked is not waited for.
            return []

    @acts
    def moved_away(self, question: WorklistQuestion) -> str:
        """Who reassigned it, and when, if it is not on that worklist any more; or why it cannot wait on the one chosen.

        Empty when nothing is against the decision. Only reads.
        """
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, question.delivery_id)
            if delivery.worklist_id == question.worklist_id:
                content = content_of(session, question.content_id)
                goes = "worklist_id" not in content or reassigned_to(session, delivery, content)
                return "" if goes else NOT_THERE
            step = session.scalars(
                select(TransitionRow)
                .where(
                    TransitionRow.lifecycle == "delivery",
                    TransitionRow.subject_id == delivery.id,
                    TransitionRow.event == Event.REASSIGNED,
                )
                .order_by(TransitionRow.id.desc())
                .limit(1)
            ).first()
            if step is None:
                return "This delivery is on another worklist. Reload the page to see which."
            at, state = step.at.astimezone(UTC), delivery.state.replace("-", " ")
            return f"Too late: it was reassigned by {step.actor} at {at:%H:%M} UTC and is now {state}."

    @acts
    def cannot_go_to(self, question: NodeQuestion) -> str:
        """Why it cannot go to the Node that a person chose; empty when it can. Only reads.

        That Node's PACS is asked, within about three seconds, whose the Patient ID is.
        """
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, question.delivery_id)
            node = redirected_to(session, delivery, content_of(session, question.content_id))
            if node is None:
                return NOT_TO_THAT_NODE
            identity = _identity_at(session, delivery, node)
            if not identity:
                return ""
            if identity["basis"] != BY_A_PERSON and _goes_as_another(session, delivery, identity):
                return ANOTHER_WENT_THERE
            peer = askable(node)
            if not _can_say(node) or _has_it(session, delivery, node, identity):
                return ""
        filed = filed_as(peer, identity["PatientID"]) if peer else None
        if filed is None:
            return IT_DOES_NOT_SAY
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, question.delivery_id)
            return ANOTHER_IS_THERE if _why_not(session, delivery, identity, filed) else ""

    @acts
    def forget_answers(self, delivery_id: str) -> None:
        """Images that the Node accepted but does not list are to be sent again. Idempotent: only marks rows."""
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id)
            missing = [str(uid) for uid in delivery.missing or []]
            session.execute(
                update(LedgerEntry)
                .where(
                    LedgerEntry.delivery_id == delivery_id,
                    LedgerEntry.node_id == delivery.node_id,
                    LedgerEntry.instance_id.in_(missing),
                )
                .values(accepted=False)
            )
