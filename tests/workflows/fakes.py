"""Activities with the names of the real ones, whose answers a test decides."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from models.domain.arrival_contracts import WhereItGoes
from models.domain.commitment_contracts import Answer, AnswerRequest
from models.domain.contracts import (
    ArrivalOutlook,
    Comparison,
    DeliveryStart,
    Listing,
    LocalIdentityQuestion,
    NodeFacts,
    NodeQuestion,
    NoticeRequest,
    RouteRequest,
    RouteVerdict,
    Sealed,
    SealRequest,
    Sending,
    SendReport,
    Transition,
    Verdict,
    WorklistQuestion,
)
from models.domain.request_contracts import (
    Answered,
    MatchChoice,
    Recognition,
    ReminderDue,
    RequestOutlook,
    RequestProgress,
)
from models.domain.transfer_contracts import Retrieved, TransferProgress
from models.domain.urgency import Urgency

PERMANENT = ApplicationError("It was refused for good.", type="PeerRefuses", non_retryable=True)
IN_A_FORTNIGHT = datetime.now(UTC) + timedelta(days=14)
LOST = "1 of 1 study did not get to ZX2."
PASSING = ApplicationError("It does not answer.", type="PeerUnreachable")


def silence(request: SealRequest) -> Sealed:
    """A short silence seals, once the source has been asked."""
    return Sealed(request.asked is not None, "all there", wait_seconds=0.1)


def _walk(steps: Iterable[Transition]) -> list[str]:
    return [f"{step.lifecycle}.{step.event}" for step in steps]


class World:
    """One test's outside world. `answers` holds per activity one answer, or a list of which the last one stays.

    An answer may be an error, or a function (also an async one) of what was given. `done` lists what was asked for.
    """

    def __init__(self, number: str) -> None:
        self.arrival_id, self.delivery_id, self.node_id, self.request_id = (
            f"{number}-{kind}" for kind in ("arrival", "delivery", "node", "commitment")
        )
        self.asked_id, self.transfer_id, self.sheet_id = f"{number}-request", f"{number}-transfer", f"{number}-sheet"
        self.studies, self.delivered, self.failed = 1, 0, 0
        self.done: list[str] = []
        self.steps: list[Transition] = []
        self.notices: list[NoticeRequest] = []
        self.given: list[tuple[str, Any]] = []
        self.answers: dict[str, Any] = {
            "record": None,
            "outlook": ArrivalOutlook(),
            "seal": silence,
            "route": RouteVerdict(self.delivery_id, Urgency.ROUTINE, detail="by a rule"),
            "left_over": lambda _: [],
            "count": 3,
            "list": Listing(True, "by itself"),
            "moved": "",
            "cannot_go": "",
            "forget": None,
            "check": "",
            "send": SendReport(3, 3),
            "compare": Comparison(Verdict.CONFIRMED, 3, 3),
            "uncommitted": Comparison(Verdict.UNVERIFIABLE, 0, 3, "It has not committed to them."),
            "look": NodeFacts(True),
            "tell": 1,
            "answer": Answer(True, 0, 3),
            "request_outlook": RequestOutlook(IN_A_FORTNIGHT),
            "reminded": RequestOutlook(IN_A_FORTNIGHT),
            "progress": lambda _: self.progress(),
            "chosen": self.asked_id,
            "recognised": self.arrival_id,
            "must_be_wanted": None,
            "answered": lambda _: self.answered(),
            "list_at_source": None,
            "retrieve": Retrieved(3, 3, True),
            "transfer_progress": lambda _: TransferProgress(3, 3, True, 1, self.delivered, self.failed, LOST),
        }

    def progress(self) -> RequestProgress:
        """Of one request of `studies`, by its own steps; a decline in part means one of them."""
        came, declined = self.walk.count("request.matched"), self.walk.count("request.declined-in-part")
        if "request.reopened" in self.walk:
            came -= 1
        return RequestProgress(max(0, self.studies - came - declined), came, self.delivered, self.failed, declined)

    def answered(self) -> Answered:
        """A delivery for the one request, if it took the study."""
        if "request.matched" not in self.walk:
            return Answered()
        return Answered((DeliveryStart(self.delivery_id, Urgency.ROUTINE),), "In answer to T-2345-678.")

    @property
    def walk(self) -> list[str]:
        """The recorded steps, as `lifecycle.event`."""
        return _walk(self.steps)

    @property
    def told(self) -> list[str]:
        return [notice.kind for notice in self.notices]

    async def act(self, name: str, given: Any) -> Any:
        self.given.append((name, given))
        self.done += _walk(given) if name == "record" else [name]
        answer = self.answers[name]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(given)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        if name == "record":
            self.steps += given
        if name == "tell":
            self.notices.append(given)
        return answer


class Fakes:
    """All activities of all queues; what is asked about "7-delivery" is answered by world "7"."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {}

    def world(self) -> World:
        number = str(len(self.worlds) + 1)
        self.worlds[number] = World(number)
        return self.worlds[number]

    async def _act(self, name: str, subject_id: str, given: Any) -> Any:
        return await self.worlds[subject_id.partition("-")[0]].act(name, given)

    @activity.defn(name="JournalActivities.record")
    async def record(self, steps: tuple[Transition, ...]) -> None:
        await self._act("record", steps[0].subject_id, steps)

    @activity.defn(name="ArrivalActivities.outlook")
    async def outlook(self, arrival_id: str) -> ArrivalOutlook:
        return await self._act("outlook", arrival_id, arrival_id)  # type: ignore[no-any-return]

    @activity.defn(name="ArrivalActivities.seal")
    async def seal(self, request: SealRequest) -> Sealed:
        return await self._act("seal", request.arrival_id, request)  # type: ignore[no-any-return]

    @activity.defn(name="ArrivalActivities.route")
    async def route(self, request: RouteRequest) -> RouteVerdict:
        return await self._act("route", request.arrival_id, request)  # type: ignore[no-any-return]

    @activity.defn(name="ArrivalActivities.left_over")
    async def left_over(self, goes: WhereItGoes) -> list[str]:
        return await self._act("left_over", goes.arrival_id, goes)  # type: ignore[no-any-return]

    @activity.defn(name="DicomActivities.count_at_source")
    async def count_at_source(self, arrival_id: str) -> int:
        return await self._act("count", arrival_id, arrival_id)  # type: ignore[no-any-return]

    @activity.defn(name="DeliveryActivities.put_on_worklist")
    async def put_on_worklist(self, delivery_id: str) -> Listing:
        return await self._act("list", delivery_id, delivery_id)  # type: ignore[no-any-return]

    @activity.defn(name="DeliveryActivities.moved_away")
    async def moved_away(self, question: WorklistQuestion) -> str:
        return await self._act("moved", question.delivery_id, question)  # type: ignore[no-any-return]

    @activity.defn(name="DeliveryActivities.cannot_go_to")
    async def cannot_go_to(self, question: NodeQuestion) -> str:
        return await self._act("cannot_go", question.delivery_id, question)  # type: ignore[no-any-return]

    @activity.defn(name="DeliveryActivities.forget_answers")
    async def forget_answers(self, delivery_id: str) -> None:
        await self._act("forget", delivery_id, delivery_id)

    @activity.defn(name="LocalIdentityActivities.check")
    async def check(self, question: LocalIdentityQuestion) -> str:
        return await self._act("check", question.delivery_id, question)  # type: ignore[no-any-return]

    @activity.defn(name="DicomActivities.send")
    async def send(self, sending: Sending) -> SendReport:
        return await self._act("send", sending.delivery_id, sending)  # type: ignore[no-any-return]

    @activity.defn(name="DicomActivities.compare")
    async def compare(self, delivery_id: str) -> Comparison:
        return await self._act("compare", delivery_id, delivery_id)  # type: ignore[no-any-return]

    @activity.defn(name="DicomActivities.compare_uncommitted")
    async def compare_uncommitted(self, delivery_id: str) -> Comparison:
        return await self._act("uncommitted", delivery_id, delivery_id)  # type: ignore[no-any-return]

    @activity.defn(name="DicomActivities.look")
    async def look(self, node_id: str) -> NodeFacts:
        return await self._act("look", node_id, node_id)  # type: ignore[no-any-return]

    @activity.defn(name="NoticeActivities.tell")
    async def tell(self, request: NoticeRequest) -> int:
        return await self._act("tell", request.subject_id, request)  # type: ignore[no-any-return]

    @activity.defn(name="CommitmentActivities.answer")
    async def answer(self, request: AnswerRequest) -> Answer:
        return await self._act("answer", request.request_id, request)  # type: ignore[no-any-return]

    @activity.defn(name="RequestActivities.outlook")
    async def request_outlook(self, request_id: str) -> RequestOutlook:
        return await self._act("request_outlook", request_id, request_id)  # type: ignore[no-any-return]

    @activity.defn(name="RequestActivities.reminded")
    async def reminded(self, due: ReminderDue) -> RequestOutlook:
        return await self._act("reminded", due.request_id, due)  # type: ignore[no-any-return]

    @activity.defn(name="RequestActivities.progress")
    async def progress(self, request_id: str) -> RequestProgress:
        return await self._act("progress", request_id, request_id)  # type: ignore[no-any-return]

    @activity.defn(name="RequestActivities.chosen")
    async def chosen(self, choice: MatchChoice) -> str:
        return await self._act("chosen", choice.arrival_id, choice)  # type: ignore[no-any-return]

    @activity.defn(name="RequestActivities.recognised")
    async def recognised(self, recognition: Recognition) -> str:
        return await self._act("recognised", recognition.request_id, recognition)  # type: ignore[no-any-return]

    @activity.defn(name="RequestActivities.must_be_wanted")
    async def must_be_wanted(self, recognition: Recognition) -> None:
        await self._act("must_be_wanted", recognition.request_id, recognition)

    @activity.defn(name="RequestActivities.answer")
    async def answered(self, arrival_id: str) -> Answered:
        return await self._act("answered", arrival_id, arrival_id)  # type: ignore[no-any-return]

    @activity.defn(name="TransferActivities.list_at_source")
    async def list_at_source(self, transfer_id: str) -> None:
        await self._act("list_at_source", transfer_id, transfer_id)

    @activity.defn(name="TransferActivities.progress")
    async def transfer_progress(self, transfer_id: str) -> TransferProgress:
        return await self._act("transfer_progress", transfer_id, transfer_id)  # type: ignore[no-any-return]

    @activity.defn(name="RetrievalActivities.retrieve")
    async def retrieve(self, transfer_id: str) -> Retrieved:
        return await self._act("retrieve", transfer_id, transfer_id)  # type: ignore[no-any-return]

    @activity.defn(name="BulkActivities.place_rows")
    async def place_rows(self, sheet_id: str) -> int:
        return await self._act("place_rows", sheet_id, sheet_id)  # type: ignore[no-any-return]

    @property
    def here(self) -> list[Callable[..., Any]]:
        """What the worker of workflows does."""
        return [self.record, self.outlook, self.seal, self.route, self.left_over, self.put_on_worklist,
                self.moved_away, self.cannot_go_to, self.forget_answers, self.check, self.look, self.tell,
                self.request_outlook, self.reminded, self.progress, self.chosen, self.recognised, self.must_be_wanted,
                self.answered, self.transfer_progress]  # fmt: skip

    @property
    def transfers(self) -> list[Callable[..., Any]]:
        """What the workers of transfers do."""
        return [self.send, self.compare, self.compare_uncommitted, self.count_at_source, self.answer,
                self.list_at_source, self.retrieve, self.place_rows]  # fmt: skip
