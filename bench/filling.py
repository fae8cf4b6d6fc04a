"""A database as full as after years: finished transactions by the hundred thousand, and a day's worth of open ones."""

from __future__ import annotations

import hashlib

from sqlalchemy import text
from sqlalchemy.orm import Session

OPEN = 60
"""How many of the transactions still wait for somebody, however many there are in all."""
INSTANCES = 2
A_SHEET = 61
"""Each such number has a bulk sheet, with a hundred rows that failed."""

# What each transaction is: kind, state, and between whom.
PLAN = r"""
CREATE TEMP TABLE filling ON COMMIT DROP AS
SELECT i, md5('transaction' || i) AS id,
       regexp_replace(translate(to_char(i, 'FM0000000'), '01', 'XY'), '(.{4})(.{3})', 'T-\1-\2') AS reference,
       CASE WHEN i BETWEEN 45 AND 59 OR i >= 60 AND i % 10 = 7 THEN 'request' ELSE 'push' END AS kind,
       CASE WHEN i < 20 THEN 'delivery' WHEN i < 30 THEN 'delivery' WHEN i < 45 THEN 'arrival'
            WHEN i < 60 OR i % 10 = 7 THEN 'request' ELSE 'delivery' END AS lifecycle,
       CASE WHEN i < 20 THEN 'on-worklist' WHEN i < 30 THEN 'needs-attention' WHEN i < 45 THEN 'held'
            WHEN i < 60 THEN 'awaiting-source' WHEN i % 10 = 7 THEN 'fulfilled' ELSE 'confirmed' END AS state,
       'ZX' || (i % 3 + 1) AS source, 'ZX' || ((i + 1 + i / 30 % 2) % 3 + 1) AS destination,
       now() - make_interval(mins => i) AS at,
       '999' || to_char(i % 50000, 'FM0000000') AS nhs_number
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS i
"""
STATEMENTS = (
    """INSERT INTO transaction (id, reference, kind, institution_id, destination_id, urgency, lifecycle, state,
              state_since, opened_at)
       SELECT id, reference, kind, source, CASE WHEN lifecycle != 'arrival' THEN destination END,
              CASE i % 20 WHEN 0 THEN 'urgent' ELSE 'routine' END, lifecycle, state, at, at FROM filling""",
    """INSERT INTO image_request (id, institution_id, transaction_id, source_id, placed_by, nhs_number, family_name,
              given_name, birth_date, source_patient_id, recipient, call_back, reason, held_already, state,
              state_detail, reminded, expires_at, placed_at)
       SELECT md5('request' || i), destination, id, source, (SELECT min(id) FROM account), nhs_number, 'Testpatient',
              'Number ' || i, '19610203', '', 'Dr Example', '', '', '[]', state, '', 0,
              at + interval '14 days', at FROM filling WHERE kind = 'request'""",
    """INSERT INTO requested_study (id, institution_id, request_id, position, wants, "StudyInstanceUID",
              "AccessionNumber", "Modality", study_date_from, study_date_to, description, is_prior, state, reason)
       SELECT md5('wanted' || i), destination, md5('request' || i), 1, 'images', '', '', 'CT', '', '', 'CT Head', false,
              CASE state WHEN 'fulfilled' THEN 'answered' ELSE 'wanted' END, '' FROM filling WHERE kind = 'request'""",
    """INSERT INTO study (id, institution_id, "StudyInstanceUID", "AccessionNumber", "StudyDate", "StudyDescription",
              "ModalitiesInStudy", patient, first_received_at)
       SELECT md5('study' || i), source, '2.25.' || i, 'A' || i, '20260412', 'CT Head', '["CT"]',
              jsonb_build_object(
                'PatientID', 'H' || i, 'IssuerOfPatientID', '', 'PatientName', 'TESTPATIENT^NUMBER ' || i,
                'PatientBirthDate', '19610203', 'PatientSex', 'F',
                'other_ids', jsonb_build_array(jsonb_build_array(nhs_number, 'NHS'))), at
       FROM filling WHERE kind = 'push'""",
    """INSERT INTO arrival (id, transaction_id, institution_id, study_id, calling_ae_title, called_ae_title, standing,
              state, state_detail, held_reason, basis, generation, announced_generation, count, opened_at,
              last_received_at, sealed_at)
       SELECT md5('arrival' || i), id, source, md5('study' || i), 'STORESCU', 'IEP', 'known',
              CASE state WHEN 'held' THEN 'held' ELSE 'routed' END, '',
              CASE state WHEN 'held' THEN 'no-code' ELSE '' END, 'all', 1, 1, 2, at, at, at
       FROM filling WHERE kind = 'push'""",
    """INSERT INTO association (id, institution_id, edge, calling_ae_title, called_ae_title, address, standing,
              opened_at, ended_at)
       SELECT md5('association' || i), source, 'edge-1', 'STORESCU', 'IEP', '127.0.0.1', 'known', at, at
       FROM filling WHERE kind = 'push'""",
    """INSERT INTO instance (id, institution_id, study_id, "SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID",
              "TransferSyntaxUID", "AccessionNumber", routing, patient, complete_content, sha256, size, store, key,
              received_at)
       SELECT md5('instance' || i || '.' || n), source, md5('study' || i), '2.25.' || i || '.' || n, '1.2', '2.25.1',
              '1.2.840.10008.1.2.1', 'A' || i, '{}', s.patient, '[]', '', 1, 'local', md5('key' || i || '.' || n), at
       FROM filling JOIN study s ON s.id = md5('study' || i), generate_series(1, CAST(:instances AS int)) AS n
       WHERE kind = 'push'""",
    """INSERT INTO arrival_instance (arrival_id, instance_id, association_id, position)
       SELECT md5('arrival' || i), md5('instance' || i || '.' || n), md5('association' || i), n
       FROM filling, generate_series(1, CAST(:instances AS int)) AS n WHERE kind = 'push'""",
    """INSERT INTO parcel (id, institution_id, transaction_id, arrival_id, sealed_at)
       SELECT md5('parcel' || i), source, id, md5('arrival' || i), at FROM filling WHERE lifecycle = 'delivery'""",
    """INSERT INTO delivery (id, institution_id, transaction_id, parcel_id, worklist_id, node_id, state, state_detail,
              released_by, stopped, fault, round, present, created_at)
       SELECT md5('delivery' || i), destination, f.id, md5('parcel' || i), w.id, w.node_id, f.state, '', '', '', '', 1,
              CASE f.state WHEN 'confirmed' THEN 2 END, at
       FROM filling f JOIN worklist w ON w.institution_id = destination AND w.is_default
       WHERE lifecycle = 'delivery'""",
    """INSERT INTO ledger (delivery_id, node_id, instance_id, status, accepted, round, wire_count, answered_at)
       SELECT d.id, d.node_id, md5('instance' || i || '.' || n), 0, true, 1, 1, at
       FROM filling f JOIN delivery d ON d.id = md5('delivery' || i),
            generate_series(1, CAST(:instances AS int)) AS n WHERE f.state = 'confirmed'""",
    """INSERT INTO transition (transaction_id, institution_id, lifecycle, subject_id, run_id, sequence, event, before,
              after, actor, detail, at)
       SELECT id, source, CASE kind WHEN 'request' THEN 'request' ELSE 'delivery' END,
              md5(CASE kind WHEN 'request' THEN 'request' ELSE 'delivery' END || i), md5('run' || i), n, 'released',
              'on-worklist', 'sending', 'exchange', '', at FROM filling, generate_series(1, 4) AS n""",
    """INSERT INTO audit (institution_id, at, actor, act, subject, facts)
       SELECT source, at, 'exchange', 'delivery.released', md5('delivery' || i), '{}'
       FROM filling, generate_series(1, 4) AS n""",
    """INSERT INTO outbox (id, institution_id, kind, subject_id, actor, payload, created_at, tried, next_try_at,
              delivered_at, refusal)
       SELECT md5('command' || i), destination, 'release-delivery', md5('delivery' || i), 'exchange', '{}', at, 1, at,
              at, '' FROM filling""",
    """INSERT INTO notice (key, institution_id, transaction_id, kind, address, message_id, sent_at)
       SELECT 'notice-' || i, destination, id, 'delivery-confirmed', 'imaging@example.org', '', at FROM filling""",
    """INSERT INTO local_patient (institution_id, patient_id, nhs_number, "PatientName", "PatientBirthDate", learned_at)
       SELECT destination, 'L' || i, nhs_number, 'TESTPATIENT^NUMBER ' || i, '19610203', at
       FROM filling WHERE lifecycle = 'delivery'""",
    """INSERT INTO senders_id (institution_id, sender_id, issuer, sent_id, patient_id, learned_at)
       SELECT destination, source, source, 'H' || i, 'L' || i, at FROM filling WHERE lifecycle = 'delivery'""",
    """INSERT INTO bulk_sheet (id, institution_id, account_id, node_id, file_name, columns, uploaded_at, fault,
              placed_at)
       SELECT md5('sheet' || i), source, (SELECT min(id) FROM account),
              (SELECT min(id) FROM node WHERE institution_id = source), 'list.csv',
              '["Study Instance UID", "Destination", "Recipient", "Reason"]', at, '', at
       FROM filling WHERE i % :a_sheet = 0""",
    """INSERT INTO bulk_row (sheet_id, position, institution_id, cells, state, reason)
       SELECT md5('sheet' || i), n, source, jsonb_build_array('2.25.' || n, 'ZX2', 'Dr Example', 'For the meeting.'),
              'failed', 'ZX1_PACS has no study of this Study Instance UID; look at what was entered.'
       FROM filling, generate_series(2, 101) AS n WHERE i % :a_sheet = 0""",
)


def fill(session: Session, first: int, last: int) -> None:
    """Transactions number `first` to `last` between ZX1, ZX2 and ZX3, which must be registered with their worklists."""
    session.execute(text(PLAN), {"first": first, "last": last})
    for statement in STATEMENTS:
        known = {"instances": INSTANCES, "a_sheet": A_SHEET}
        session.execute(text(statement), {name: value for name, value in known.items() if f":{name}" in statement})


def sheet(number: int) -> str:
    """The id of the bulk sheet of transaction `number`."""
    return hashlib.md5(f"sheet{number}".encode(), usedforsecurity=False).hexdigest()


def reference(number: int) -> str:
    """The reference of transaction `number`."""
    # As they are made: without what looks like a letter.
    letters = f"{number:07d}".translate(str.maketrans("01", "XY"))
    return f"T-{letters[:4]}-{letters[4:]}"
