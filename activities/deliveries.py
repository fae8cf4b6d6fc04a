"""What Delivery asks of the database: how a parcel stands on its worklist, and what to send once more."""

from __future__ import annotations

from datetime import UTC

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from activities.border import acts
from activities.effects import content_of, reassigned_to, redirected_to
from activities.whose_id import askable, filed_as, of_the_issuer
from models.db import Database
from models.deliveries import automatic_identity
from models.domain.contracts import Listing, NodeQuestion, WorklistQuestion
from models.domain.identity import BY_A_PERSON, PatientFacts
from models.domain.lifecycles.delivery import Event
from models.filed_before import FILED_OTHERWISE, parts_the_study
from models.filed_under import bearers, is_settled, why_not_as_it_is, why_not_by_itself
from models.local_patients import arriving
from models.tables import Delivery, LedgerEntry, Node, Transaction, TransitionRow

NOT_THERE = "It cannot wait on that worklist, which has the same images already or is not yours; choose another."

NOT_TO_THAT_NODE = (
    "It cannot go to that Node, which receives nothing any more or is not the destination's; choose another."
)

ANOTHER_WENT_THERE = (
    "It would carry another Patient ID at that Node, and whose that is needs a look; "
    "choose another Node, or abandon it."
)


def _goes_as_another(session: Session, delivery: Delivery, node: Node) -> bool:
    """Whether that Node takes it under an identifier that nobody has entered or approved, and went with another."""
    before = delivery.identity or {}
    after = automatic_identity(session, delivery, node) or {}
    is_same = [before.get(name) == after.get(name) for name in ("PatientID", "IssuerOfPatientID")] == [True, True]
    if not after or before.get("basis") == BY_A_PERSON or is_same:
        return False
    known = bearers(session, delivery, after["PatientID"], after["IssuerOfPatientID"])
    return bool(why_not_as_it_is(arriving(session, delivery), known))


class DeliveryActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def put_on_worklist(self, delivery_id: str) -> Listing:
        """Work out under which identifiers the parcel can arrive by itself. Idempotent by delivery."""
        in_pacs = self._in_pacs(delivery_id)
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
            if delivery.released_at is None:
                # Afterwards it stays what it was released under: a person may have, while this was asked.
                delivery.identity = automatic_identity(session, delivery)
            found = delivery.identity
            forwarded = session.get_one(Transaction, delivery.transaction_id).kind == "forward"
            if not delivery.worklist.auto_release:
                return Listing(False, "", forwarded)
            if found is None:
                words = "It carries no identifier that could be used as it is; enter the local one."
                return Listing(False, words, forwarded)
            if parts_the_study(session, delivery, found["PatientID"]):
                return Listing(False, FILED_OTHERWISE, forwarded)
            if delivery.released_at is None and (refused := why_not_by_itself(session, delivery, in_pacs)):
                return Listing(False, refused, forwarded)
            return Listing(True, f"Released by the exchange; filed under {found['basis']}.", forwarded)

    def _in_pacs(self, delivery_id: str) -> list[PatientFacts]:
        """Whom the destination's PACS has under what a release by the exchange would use, where that is not known."""
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id)
            is_due = delivery.worklist.auto_release and delivery.released_at is None
            found = automatic_identity(session, delivery) if is_due else None
            if found is None:
                return []
            patient_id, issuer = found["PatientID"], found["IssuerOfPatientID"]
            if is_settled(arriving(session, delivery), bearers(session, delivery, patient_id, issuer)):
                return []
            peer = askable(delivery.node)
        return of_the_issuer(filed_as(peer, patient_id) or (), issuer) if peer else []

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
        """Why it cannot go to the Node that a person chose; empty when it can. Only reads."""
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, question.delivery_id)
            node = redirected_to(session, delivery, content_of(session, question.content_id))
            if node is None:
                return NOT_TO_THAT_NODE
            return ANOTHER_WENT_THERE if _goes_as_another(session, delivery, node) else ""

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
