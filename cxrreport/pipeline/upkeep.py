"""What an administrator does to the archive between the runs: held as a run holds it, and told in the audit."""

from __future__ import annotations

from cxrreport.settings import Settings
from cxrreport.store.attempts import clear_failures, past_attempts
from cxrreport.store.engine import held_archive, session
from cxrreport.store.runs import TOOL, append_audit
from cxrreport.store.views import find_study


def release(settings: Settings, study_key: str) -> bool:
    """Forget the failed attempts at a study, so that the next run tries it again; tells whether it was in quarantine.

    Raises
    ------
    UsageError : no study, or more than one, is named so.
    """
    with held_archive(settings) as engine, session(engine) as s:
        study_id = find_study(s, study_key).id
        quarantined = past_attempts(s, [study_id]).get(study_id, 0) is None
        clear_failures(s, [study_id])
        append_audit(s, TOOL, "release", f"study {study_id}", {"quarantined": quarantined})
    return quarantined
