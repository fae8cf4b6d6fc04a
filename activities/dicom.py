"""What workflows ask of other application entities: send, compare, count, look."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import activity
from temporalio.exceptions import FailureError

from activities.asides import Aside
from activities.asking import echo, find, finder
from activities.border import acts, acts_at_its_own_pace
from activities.confirming import Confirming
from activities.consignment import Consignment
from activities.peer import PeerAddress, association
from activities.pulse import Beats, pulse
from activities.readiness import again_after
from activities.sending import Sender
from activities.shares import Shares
from activities.there_already import note_what_is_there
from models.archive import FolderArchive
from models.db import Database
from models.domain.contracts import Comparison, NodeFacts, Sending, SendReport, Verdict
from models.domain.errors import ExchangeError, NodeDown, NodeHeld, OutsideWindow, Passing, PeerUnreachable, Permanent
from models.domain.lifecycles.node import State as NodeState
from models.domain.reaching import Step
from models.domain.statuses import because
from models.outbox import report_node_fault
from models.tables import Arrival, Delivery, Node, now

UNABLE_AT_MOST = 8
"""How often a Node may say that it is unable to look, before it is believed: a minute and a half, by its waits."""


class DicomActivities:
    def __init__(self, database: Database, archive: FolderArchive, parallel: int = 4) -> None:
        self.database = database
        self.archive = archive
        self.parallel = parallel
        self.shares = Shares()
        self.asides: dict[str, Aside] = {}

    @acts_at_its_own_pace
    def send(self, sending: Sending) -> SendReport:
        """C-STORE what the ledger does not have yet. Idempotent by (delivery, Node, image); heartbeats the count.

        That the Node is away is an answer, not an error: the workflow waits for it better than the engine's retries do.
        """
        consignment = None
        try:
            consignment = Consignment(self.database, sending.delivery_id, sending.urgency)
            with pulse():
                consignment.settled |= note_what_is_there(self.database, sending.delivery_id)
            sender = Sender(
                self.database,
                self.archive,
                consignment,
                priority=sending.urgency.priority,
                parallel=self.parallel,
                beat=Beats(),
                cancelled=activity.is_cancelled,
                aside=self.asides.setdefault(consignment.node_id, Aside()),
            )
            with self.shares.of(consignment.node_id, consignment.peer.name):
                stopped = sender.run()
        except (NodeDown, NodeHeld, OutsideWindow) as away:
            return SendReport(0, 0, node_away=True, planned_until=self._note(sending.delivery_id, away, consignment))
        except (Permanent, FailureError):
            raise
        except Exception as fault:
            self._note(sending.delivery_id, fault, consignment)
            raise
        accepted, total, aside = consignment.summary()
        if stopped:
            stopped = f"{stopped} {accepted} of {total} are already at {consignment.peer.name}; ring its people."
        else:
            stopped = because(consignment.peer.name, aside)
        return SendReport(accepted, total, stopped)

    def _note(self, delivery_id: str, fault: Exception, attempt: Consignment | Confirming | None) -> str:
        """Say on the page why it waits and whose move it is, and let the Node's health look; unless it is too late.

        Returns until when, in a planned downtime.
        """
        if isinstance(fault, NodeHeld):
            words = str(fault)
        elif isinstance(fault, OutsideWindow):
            words = f"{fault} It goes then by itself; nobody needs to act."
        elif isinstance(fault, Passing):
            words = f"{fault} It is tried again by itself; nobody needs to act."
        else:
            words = "Something unexpected stopped it. It is tried again by itself; ring support if it stays."
        with self.database.begin() as session:
            # Locked, so that no person's decision comes between the look and what is written.
            delivery = session.get_one(Delivery, delivery_id, with_for_update={"key_share": True})
            if attempt is not None and attempt.is_late(delivery):
                return ""
            delivery.fault, delivery.fault_at = words, now()
            waits = isinstance(fault, (NodeDown, NodeHeld, OutsideWindow))
            delivery.waiting_since = delivery.fault_at if waits else None
            delivery.waiting_until = fault.opens if isinstance(fault, OutsideWindow) else None
            if isinstance(fault, PeerUnreachable):
                report_node_fault(session, delivery.node_id, str(fault), fault.step)
            node = delivery.node
            if isinstance(fault, Passing):
                fault.again_after = again_after(node, activity.info().attempt)
            planned = node.planned_until if node.state == NodeState.IN_DOWNTIME else None
            return planned.isoformat() if planned else ""

    @acts
    def compare(self, delivery_id: str) -> Comparison:
        """Ask the destination what it has, the way its Node confirms. Writes what is missing; changes nothing there.

        Where it is to commit itself, it is asked once in each round, and the answer is `awaited`. While it is away it
        is not asked; the database notes that the delivery waits for it.
        """
        return self._asked(delivery_id, Confirming.compare)

    @acts
    def compare_uncommitted(self, delivery_id: str) -> Comparison:
        """What can be said without the commitment that did not come. Writes as `compare` does."""
        return self._asked(delivery_id, Confirming.uncommitted)

    def _asked(self, delivery_id: str, ask: Callable[[Confirming], Comparison]) -> Comparison:
        """As of `send`: that the Node is away is an answer, not an error."""
        patient = activity.info().attempt < UNABLE_AT_MOST
        confirming = Confirming(self.database, delivery_id, patient=patient)
        try:
            comparison = ask(confirming)
        except (NodeDown, NodeHeld) as away:
            return Comparison(Verdict.NODE_AWAY, 0, 0, planned_until=self._note(delivery_id, away, confirming))
        except Passing as fault:
            self._note(delivery_id, fault, confirming)
            raise
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id, with_for_update={"key_share": True})
            if not confirming.is_late(delivery):
                delivery.fault, delivery.fault_at, delivery.waiting_since = "", None, None
        return comparison

    @acts
    def count_at_source(self, arrival_id: str) -> int:
        """How many images the sending Node says its study has; 0 when it does not say."""
        with self.database.begin() as session:
            arrival = session.get_one(Arrival, arrival_id)
            node = session.get(Node, arrival.node_id) if arrival.node_id else None
            uid = arrival.study.StudyInstanceUID
        if node is None or not node.receives:
            return 0
        try:
            peer = PeerAddress.of(node)
            with association(peer, finder()) as assoc:
                matches = list(find(peer, assoc, "STUDY", StudyInstanceUID=uid, NumberOfStudyRelatedInstances=""))
        except ExchangeError as silent:
            activity.logger.info("the source cannot be asked: %s", type(silent).__name__)
            return 0
        counts = [str(match.get("NumberOfStudyRelatedInstances", "") or "") for match in matches]
        return int(counts[0]) if len(counts) == 1 and counts[0].isdigit() else 0

    @acts
    def look(self, node_id: str) -> NodeFacts:
        """One C-ECHO to the Node; that it fails is an answer, not an error."""
        with self.database.begin() as session:
            peer = PeerAddress.of(session.get_one(Node, node_id))
        step: Step | None = None
        try:
            echo(peer)
        except ExchangeError as fault:
            facts, step = NodeFacts(False, str(fault)), fault.step
        else:
            facts = NodeFacts(True)
        with self.database.begin() as session:
            node = session.get_one(Node, node_id)
            if facts.answered:
                node.last_answer_at = node.last_echo_at = now()
            else:
                node.last_fault_at, node.last_fault, node.last_fault_step = now(), facts.detail, step or ""
        return facts
