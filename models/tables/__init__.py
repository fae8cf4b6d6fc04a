"""Every table, by name."""

from models.tables.account import Account, WebSession
from models.tables.base import Base, new_id, now
from models.tables.commitment import CommitmentRequest
from models.tables.delivery import Delivery, LedgerEntry, Parcel, Slot
from models.tables.institution import Agreement, Institution, Node, RoutingRules, Worklist
from models.tables.record import AuditEntry, Notice, OutboxCommand, Rejection
from models.tables.study import HeldObject, Instance, Study
from models.tables.transaction import Arrival, ArrivalInstance, Association, Transaction, TransitionRow

__all__ = [
    "Account",
    "Agreement",
    "Arrival",
    "ArrivalInstance",
    "Association",
    "AuditEntry",
    "Base",
    "CommitmentRequest",
    "Delivery",
    "HeldObject",
    "Instance",
    "Institution",
    "LedgerEntry",
    "Node",
    "Notice",
    "OutboxCommand",
    "Parcel",
    "Rejection",
    "RoutingRules",
    "Slot",
    "Study",
    "Transaction",
    "TransitionRow",
    "WebSession",
    "Worklist",
    "new_id",
    "now",
]
