"""Made-up patients. Their NHS numbers are of the test range (999 …), valid by check digit and never issued."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

NAMESPACE = uuid.UUID("6f9619ff-8b86-5d01-b42d-00cf4fc964ff")


@dataclass(frozen=True)
class Patient:
    """`name` as in PatientName (PS3.5 6.2: components parted by ^), `birth_date` as YYYYMMDD."""

    name: str
    nhs_number: str
    birth_date: str
    sex: str

    def local_id(self, institution_id: str) -> str:
        """The Patient ID under which an Institution knows this patient: another one at each."""
        return f"H{uuid.uuid5(NAMESPACE, f'{institution_id}/{self.nhs_number}').int % 10_000_000:07d}"


PATIENTS = (
    Patient("TESTPATIENT^ADA^^MS", "9990000018", "19610203", "F"),
    Patient("TESTPATIENT^BORIS^^MR", "9990000026", "19480517", "M"),
    Patient("TESTPATIENT^CHIDI^^MR", "9990000034", "19791109", "M"),
    Patient("TESTPATIENT^DILYS^^MRS", "9990000042", "19350828", "F"),
    Patient("TESTPATIENT^EVIE^^MISS", "9990000050", "20080121", "F"),
    Patient("TESTPATIENT^FARAH^^DR", "9990000069", "19700630", "F"),
)
ADA, BORIS, CHIDI, DILYS, EVIE, FARAH = PATIENTS
