"""The catalogue of faults: what is done, what must hold, and which tests hold it in every run of the tests."""

from __future__ import annotations

from dataclasses import dataclass

TROUBLES, AWAY = "tests/faults/test_troubles.py", "tests/faults/test_database_away.py"
EDGE, KILLS, SENDING = "tests/edge/test_durability.py", "tests/faults/test_kills.py", "tests/activities/test_sending.py"
PEERS, JOB, ODD = (
    "tests/activities/test_troubled_peers.py", "tests/end_to_end/test_main_job.py", "tests/ingest/test_odd_objects.py"
)  # fmt: skip
CONFIRMATION = "tests/workflows/test_confirmation.py"


@dataclass(frozen=True)
class Row:
    """One fault. `victim` is what `make soak` kills or troubles; `open` says what nothing holds yet."""

    id: str
    fault: str
    holds: str
    tests: tuple[str, ...] = ()
    victim: str = ""
    open: str = ""


def _own(id: str, name: str, fault: str, holds: str, *more: str) -> Row:
    holds = f"{holds}; each image is there once with its pixels, and it ends confirmed"
    return Row(id, fault, holds, (f"{TROUBLES}::test_in_mid_study", *more), name)


def _killed(id: str, victim: str, fault: str, *more: str) -> Row:
    holds = "nothing acknowledged is lost, each image is there once with its pixels, and it ends confirmed"
    return Row(id, fault, holds, (f"{KILLS}::test_kill_9", *more), victim)


ROWS = (
    _killed("P1", "transfer-bulk", "A transfer worker dies in mid-study (kill -9)"),
    _killed("P2", "workflows", "The workflow worker dies in mid-study (kill -9)"),
    _own("P3", "frozen worker", "A transfer worker is frozen while another takes over, then thaws",
         "late answers overwrite nothing",
         "tests/activities/test_late_answers.py::test_a_late_answer_overwrites_nothing_that_a_newer_attempt_wrote"),
    _own("P4", "workers down", "All workers are down", "requests and pushes are accepted, and drained afterwards",
         "tests/faults/test_workers_down.py::test_what_waits_is_said_while_all_workers_are_down"),
    _own("P5", "replaced workers", "Workers are told to stop under load, and new ones are started",
         "what is under way is finished, nothing fails, and no image is sent twice",
         "tests/workflows/test_faults.py::test_a_worker_that_is_told_to_stop_finishes_what_is_under_way"),
    _killed("P6", "edge", "A receiver dies amid associations (kill -9)", f"{EDGE}::test_killed_amid_many_associations"),
    _killed("P9", "ingest", "Ingest dies in mid-study (kill -9)",
            "tests/ingest/test_interruptions.py::test_a_kill_at_any_step_loses_and_doubles_nothing"),
    _killed("P10", "relay", "The relay dies in mid-study (kill -9)"),
    _killed("T1", "temporal", "The engine dies in mid-study (kill -9)",
            "tests/workflows/test_faults.py::test_a_killed_engine_goes_on_where_it_was"),
    _own("T3", "full engine", "The engine's database file cannot grow",
         "nothing is half accepted, and it goes on by itself"),
    _killed("D1", "postgresql", "PostgreSQL dies in mid-study (kill -9)"),
    _own("D2", "stopped database", "PostgreSQL is stopped for a while",
         "receivers accept, pages answer with a sentence, no threads pile up",
         f"{JOB}::test_neither_engine_nor_database_is_asked", f"{AWAY}::test_pages_say_so_and_nothing_piles_up"),
    _own("D3", "frozen database", "PostgreSQL is frozen",
         "receivers accept, pages answer with a sentence, nothing hangs",
         f"{AWAY}::test_pages_say_so_and_nothing_piles_up",
         "tests/models/test_connection.py::test_a_server_that_stands_still_is_waited_for_no_longer"),
    Row("D5", "fsync fails", "it is not acknowledged", (f"{EDGE}::test_failed_fsync_is_not_acknowledged",)),
    Row("S1", "The spool is full amid an object", "the sender is told A700, and it mends itself",
        (f"{EDGE}::test_disk_full_amid_an_object", f"{EDGE}::test_low_spool")),
    Row("S2", "A byte in the archive has changed", "it is found before sending and never sent",
        (f"{SENDING}::test_a_damaged_image_is_never_sent_and_keeps_no_other_back",
         "tests/models/test_archive.py::test_damage_and_loss_are_found")),
    Row("N1", "The destination is down", "it is waited for in a sentence, and goes on by itself",
        (f"{JOB}::test_what_waits_for_a_stopped_pacs_goes_on_by_itself",)),
    Row("N2", "The destination is busy (A700) at every 7th image", "only those are sent again",
        (f"{PEERS}::test_a_node_that_is_busy_now_and_then_gets_only_those_again",)),
    Row("N3", "The destination refuses (A900, C000, 0122, 0124)", "it is set aside with its reason, the rest goes on",
        ("tests/activities/test_statuses.py::test_what_was_refused_is_set_aside_and_the_rest_goes_on",
         f"{JOB}::test_a_refusal_parks_until_somebody_retries")),
    Row("N4", "The destination rejects for good or for now, or aborts", "each is told as what it is",
        (f"{PEERS}::test_rejected_for_good", f"{PEERS}::test_rejected_for_now",
         f"{PEERS}::test_an_abort_is_unknown_and_only_what_is_unknown_goes_again")),
    _own("N5", "half-open connection", "The destination takes connections and never answers, or one becomes half-open",
         "it costs its timeout, and the slot is freed",
         f"{PEERS}::test_a_node_that_never_answers_costs_its_timeout_only",
         f"{PEERS}::test_a_node_that_takes_connections_and_says_nothing"),
    _killed("N6", "recorder", "The destination stores, and dies before it answers (kill -9)",
            f"{PEERS}::test_an_image_stored_but_not_answered_is_sent_again_and_is_one"),
    Row("N7", "The destination says that it has stored, and has not", "it is found out and sent again",
        ("tests/workflows/test_proof.py::test_a_destination_that_drops_3_of_180_ends_with_180_of_180",)),
    Row("N8", "A storage commitment comes late, never, or on another association", "sent is not yet confirmed",
        (f"{CONFIRMATION}::test_it_is_confirmed_by_the_report_that_comes_later",
         f"{CONFIRMATION}::test_without_a_report_it_is_asked_otherwise_after_its_patience",
         "tests/activities/test_confirming.py::test_its_answer_may_come_on_an_association_of_its_own_and_twice")),
    Row("N10", "One destination is dead, others are healthy", "the healthy ones do not wait for it",
        ("tests/activities/test_dead_destination.py::test_the_others_are_sent_while_one_is_dead",)),
    Row("I1", "A study is sent twice, or over associations that overlap", "it is one study",
        (f"{JOB}::test_the_same_study_twice", f"{ODD}::test_overlapping_associations_fill_one_arrival")),
    Row("I2", "A known UID comes with other pixels", "it is held and overwrites nothing",
        (f"{JOB}::test_other_pixels_of_the_same_uid_are_held",
         f"{ODD}::test_another_image_of_a_known_uid_is_held")),
    Row("I3", "Images come after their study was complete", "they follow as a transaction of their own",
        (f"{JOB}::test_late_images_follow",)),
)  # fmt: skip
SOAKED = {row.victim: row.id for row in ROWS if row.victim}
