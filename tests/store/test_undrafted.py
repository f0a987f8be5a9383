"""Why a study has no draft: what failed of it, else what all of its images were refused for."""

from __future__ import annotations

from builders.store import begin_run, make_instance, record_image, scan
from sqlalchemy import Engine

from cxrreport.codes import CODES
from cxrreport.records import Failure
from cxrreport.store import attempts
from cxrreport.store.engine import session
from cxrreport.store.undrafted import FailureFacts, why_undrafted


def why(engine: Engine) -> FailureFacts | None:
    with session(engine, read_only=True) as s:
        return why_undrafted(s, 1, drafted=False)


def test_a_study_of_refused_images_alone_is_told_by_what_they_were_refused_for(engine: Engine) -> None:
    scan(engine, "1", reason="modality")
    assert why(engine) == FailureFacts("modality", CODES["modality"].sentence, 0, False)
    record_image(engine, make_instance("1.2", "1"), reason="body_part")
    told = why(engine)
    assert told and told.code == "body_part"  # of two the first by name


def test_what_failed_says_more_than_what_was_refused(engine: Engine) -> None:
    scan(engine, "1", reason="modality")
    with session(engine) as s:
        attempts.fail_studies(s, begin_run(engine), [Failure("study.no_frontal", "No.", study_id=1)])
    told = why(engine)
    assert told and told.code == "study.no_frontal"


def test_a_study_with_an_image_to_draft_from_waits_for_nothing_but_a_run(engine: Engine) -> None:
    scan(engine, "1", reason="modality")
    record_image(engine, make_instance("1.2", "1"))
    assert why(engine) is None
