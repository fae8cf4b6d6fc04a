"""Searching an Institution's own PACS for a person who picks studies to send (C-FIND, PS3.4 Section C)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete

from activities.border import acts
from activities.inquiry import Inquiry, Reply, inquirer
from activities.pacs_answers import SERIES_KEYS, STUDY_KEYS, hit_of, series_of, text_of
from activities.peer import PeerAddress, association
from models.db import Database
from models.domain.errors import ExchangeError
from models.domain.pacs_search import MOST, Criteria, Hit, Level, State, contradictions, questions
from models.domain.transfer_contracts import SearchStart
from models.searches import hit_to_json
from models.tables import Node, PacsHit, PacsSearch, now

PATIENTS = 20
"""Patients whose studies are asked for one after the other, where a PACS can only be asked like that."""
FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class Found:
    """What is written down: the facts of each hit, what there is to say, and whether there is more."""

    state: State
    said: str = ""
    rows: tuple[dict[str, Any], ...] = ()
    truncated: bool = False


@dataclass
class Findings:
    """What was found by now, by UID, and what there is to say of it."""

    criteria: Criteria
    hits: dict[str, Hit] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    left_out: set[str] = field(default_factory=set)
    replies: list[Reply] = field(default_factory=list)

    def take(self, reply: Reply) -> None:
        self.replies.append(reply)
        for hit in filter(None, map(hit_of, reply.matches)):
            if against := contradictions(self.criteria, hit):
                self.left_out.add(hit.StudyInstanceUID)
                self.ignored.update(against)
            else:
                self.hits.setdefault(hit.StudyInstanceUID, hit)

    @property
    def truncated(self) -> bool:
        return any(reply.stopped or reply.reached_limit or reply.fault for reply in self.replies[-1:])


class PacsSearchActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def search(self, start: SearchStart) -> str:
        """Ask the Node and write down what it answers. Idempotent by the search: one that was answered stays so.

        That the Node does not answer is an answer too: a person waits, and reads it.
        """
        with self.database.begin() as session:
            search = session.get(PacsSearch, start.search_id)
            if search is None:
                return FORGOTTEN
            if search.state != State.ASKING:
                return search.state
            peer, level, criteria = PeerAddress.of(search.node), Level(search.level), search.criteria
        try:
            with association(peer, inquirer()) as assoc:
                inquiry = Inquiry(peer, assoc)
                series = level is Level.SERIES
                found = _series(inquiry, criteria) if series else _studies(inquiry, Criteria(**criteria))
        except ExchangeError as fault:
            found = Found(State.FAILED, str(fault))
        return self._write(start.search_id, found)

    def _write(self, search_id: str, found: Found) -> str:
        with self.database.begin() as session:
            search = session.get(PacsSearch, search_id, with_for_update=True)
            if search is None:
                return FORGOTTEN
            session.execute(delete(PacsHit).where(PacsHit.search_id == search_id))
            for position, facts in enumerate(found.rows, 1):
                session.add(
                    PacsHit(
                        search_id=search_id,
                        position=position,
                        institution_id=search.institution_id,
                        StudyInstanceUID=facts["StudyInstanceUID"],
                        SeriesInstanceUID=facts.get("SeriesInstanceUID", ""),
                        facts=facts,
                    )
                )
            search.state, search.sentence, search.truncated = found.state.value, found.said, found.truncated
            if found.state is State.ANSWERED:
                session.get_one(Node, search.node_id).last_answer_at = now()
        return found.state.value


def _studies(inquiry: Inquiry, criteria: Criteria) -> Found:
    findings = Findings(criteria)
    for keys in questions(criteria):
        asked = dict.fromkeys(STUDY_KEYS, "") | dict(keys)
        if inquiry.by_patient and not asked["PatientID"]:
            _by_patient(inquiry, asked, findings)
        else:
            findings.take(inquiry.ask(Level.STUDY.value, asked, MOST))
        if findings.hits or findings.replies[-1].fault or not inquiry.goes_on:
            break
    latest = sorted(findings.hits.values(), key=lambda hit: (hit.StudyDate, hit.StudyTime), reverse=True)
    state = State.FAILED if findings.replies[-1].fault and not latest else State.ANSWERED
    rows = tuple(map(hit_to_json, latest))
    return Found(state, said_of(inquiry.peer.name, findings), rows, findings.truncated)


def _by_patient(inquiry: Inquiry, asked: Mapping[str, str], findings: Findings) -> None:
    """Patient Root: first the patients, then the studies of each (PS3.4 Section C.4.1.3.1.1)."""
    whom = {keyword: asked[keyword] for keyword in ("PatientName", "PatientBirthDate", "PatientID")}
    others = {keyword: asked[keyword] for keyword in asked if keyword.startswith("OtherPatientIDs")}
    if not any((*whom.values(), *others.values())):
        findings.replies.append(Reply(status=0xA900))
        return
    patients = inquiry.ask("PATIENT", whom | others, PATIENTS)
    findings.replies.append(patients)
    of_patient = dict(asked) | {"PatientName": "", "PatientBirthDate": ""} | dict.fromkeys(others, "")
    for patient in patients.matches:
        if not inquiry.goes_on or findings.replies[-1].fault or len(findings.hits) >= MOST:
            return
        if patient_id := text_of(patient, "PatientID"):
            findings.take(inquiry.ask(Level.STUDY.value, of_patient | {"PatientID": patient_id}, MOST))


def _series(inquiry: Inquiry, criteria: Mapping[str, str]) -> Found:
    """The series of one study; a Patient Root query names its patient, too."""
    keys = dict.fromkeys(SERIES_KEYS, "") | {"StudyInstanceUID": criteria["StudyInstanceUID"]}
    if inquiry.by_patient:
        keys["PatientID"] = criteria["PatientID"]
    reply = inquiry.ask(Level.SERIES.value, keys, MOST)
    found = {}
    for answer in reply.matches:
        # An archive that ignores the UID answers with the series of other studies.
        if (facts := series_of(answer)) and text_of(answer, "StudyInstanceUID") in ("", criteria["StudyInstanceUID"]):
            found[facts["SeriesInstanceUID"]] = facts | {"StudyInstanceUID": criteria["StudyInstanceUID"]}
    rows = sorted(found.values(), key=lambda facts: (len(facts["SeriesNumber"]), facts["SeriesNumber"]))
    if reply.fault and not rows:
        return Found(State.FAILED, f"{inquiry.peer.name} {reply.fault}; try again.")
    said = "" if rows else f"{inquiry.peer.name} names no series of this study."
    if reply.fault:
        said = f"{inquiry.peer.name} {reply.fault}; there may be more series than these."
    return Found(State.ANSWERED, said, tuple(rows), bool(reply.stopped or reply.reached_limit or reply.fault))


def said_of(name: str, findings: Findings) -> str:
    """What there is to know beside the hits, in sentences; nothing in it names the patient."""
    last = findings.replies[-1]
    said = []
    if last.fault:
        said.append(f"{name} {last.fault}; {'there may be more than these.' if findings.hits else 'try again.'}")
    elif last.stopped and findings.hits:
        said.append(f"These are of the first {MOST} answers; narrow the dates.")
    elif last.reached_limit:
        said.append(f"{name} gives no more than these; narrow the dates.")
    if findings.left_out:
        count = len(findings.left_out)
        which = ", ".join(findings.ignored)
        said.append(
            f"{count} {'answer' if count == 1 else 'answers'} that did not match what was asked ({which}) "
            f"{'is' if count == 1 else 'are'} left out: {name} ignores that."
        )
    if not findings.hits and not last.fault:
        dates = "widen the dates." if findings.criteria.has_dates else "look at what was entered, or search otherwise."
        said.insert(0, f"No match; {dates}")
    if any(reply.unsupported for reply in findings.replies) and findings.hits:
        said.append(f"{name} does not support every key that was asked; look at date and modality yourself.")
    return " ".join(said)
