"""Every table, by name."""

from models.tables.account import Account, WebSession
from models.tables.base import Base, new_id, now
from models.tables.bulk import BulkRow, BulkSheet
from models.tables.commitment import AskedCommitment, CommitmentRequest
from models.tables.delivery import Delivery, LedgerEntry, Parcel, Slot
from models.tables.institution import Agreement, Institution, Node, RoutingRules, Worklist
from models.tables.record import AuditEntry, Notice, OutboxCommand, Rejection
from models.tables.request import Candidate, Draft, ImageRequest, LocalPatient, RequestedStudy, SendersId
from models.tables.search import PacsHit, PacsSearch
from models.tables.study import HeldObject, Instance, LeftOver, Study
from models.tables.support import Banner, Contact, Disclosure, ShiftNote, SupportAct
from models.tables.transaction import Arrival, ArrivalInstance, Association, Transaction, TransitionRow
from models.tables.transfer import ManifestImage, Transfer, TransferStudy

__all__ = [
    "Account",
    "Agreement",
    "Arrival",
    "ArrivalInstance",
    "AskedCommitment",
    "Association",
    "AuditEntry",
    "Banner",
    "Base",
    "BulkRow",
    "BulkSheet",
    "Candidate",
    "CommitmentRequest",
    "Contact",
    "Delivery",
    "Disclosure",
    "Draft",
    "HeldObject",
    "ImageRequest",
    "Instance",
    "Institution",
    "LedgerEntry",
    "LeftOver",
    "LocalPatient",
    "ManifestImage",
    "Node",
    "Notice",
    "OutboxCommand",
    "PacsHit",
    "PacsSearch",
    "Parcel",
    "Rejection",
    "RequestedStudy",
    "RoutingRules",
    "SendersId",
    "ShiftNote",
    "Slot",
    "Study",
    "SupportAct",
    "Transaction",
    "Transfer",
    "TransferStudy",
    "TransitionRow",
    "WebSession",
    "Worklist",
    "new_id",
    "now",
]
