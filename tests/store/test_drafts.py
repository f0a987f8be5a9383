"""Drafts: stored once, never over a radiologist's word."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from builders.store import begin_run, scan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from cxrreport.drafts import Draft, DraftStatus, Finding, Provenance, Reference, Region, Span
from cxrreport.findings import Change, State
from cxrreport.records import Report
from cxrreport.store import catalogue, drafts, reports
from cxrreport.store.engine import session
from cxrreport.store.schema import DraftRow, FindingRow, ReferenceRow, RegionRow, SpanRow
from cxrreport.store.views import draft_view

PARTS = (FindingRow, RegionRow, SpanRow, ReferenceRow)


@pytest.fixture
def run_id(engine: Engine) -> int:
    """Studies 1..4 of four patients (accessions A1, A2, twice, twice), one report, one run."""
    for number, accession in enumerate(("A1", "A2", "twice", "twice"), 1):
        scan(engine, f"1.2.{number}", f"P{number}", accession=accession)
    with session(engine) as current:
        reports.add_reports(current, [(Report("r.csv", "r", findings="Old text."), {})])
    return begin_run(engine)


def make_draft(study_id: int = 1, inputs: str = "i1", **changes: Any) -> Draft:
    return dataclasses.replace(
        Draft(
            study_id=study_id,
            prior_study_id=2,
            prior_reason="",
            findings="Edema is new.",
            impression="Edema.",
            comparison="",
            finding_rows=(
                Finding("edema", State.POSITIVE, 0.9, State.NEGATIVE, 0.1, Change.NEW, 0.8, raw_score=0.7),
                Finding("fracture", State.BLANK, 0.01, raw_score=0.02),
            ),
            spans=(Span("findings", 0, 5, "change", "edema"), Span("impression", 0, 5, "flag")),
            regions=(Region("change", 1, 2, 3, 4, 0.5, "edema"),),
            references=(Reference(1, 1, 0.75, 0.25),),
            provenance=Provenance("w" * 64, 1, "x1", inputs, {"beams": 3}),
            flags=("hit_max_length",),
        ),
        **changes,
    )


def save(engine: Engine, run_id: int, *made: Draft) -> list[int]:
    with session(engine) as current:
        return drafts.save_drafts(current, run_id, made)


def statuses(engine: Engine, study_id: int = 1) -> dict[str, str]:
    with session(engine, read_only=True) as current:
        query = select(DraftRow.inputs_sha256, DraftRow.status).where(DraftRow.study_id == study_id)
        return {inputs: status.value for inputs, status in current.execute(query)}


def review(engine: Engine, draft_id: int, status: DraftStatus = DraftStatus.REVIEWED) -> None:
    with session(engine) as current:
        current.execute(update(DraftRow).where(DraftRow.id == draft_id).values(status=status, findings="Mine."))


def test_a_draft_comes_back_whole(engine: Engine, run_id: int) -> None:
    (draft_id,) = save(engine, run_id, make_draft())
    with session(engine, read_only=True) as current:
        view = draft_view(current, "1.2.1")
    made = make_draft()
    assert view and view.draft and view.prior
    assert (view.study.accession, view.prior.uid, view.failure) == ("A1", "1.2.2", None)
    assert (view.draft.draft_id, view.draft.status, view.draft.run_id) == (draft_id, DraftStatus.PRELIMINARY, run_id)
    for field in ("findings", "impression", "flags", "provenance", "finding_rows", "spans", "regions"):
        assert getattr(view.draft, field) == getattr(made, field)
    (reference,) = view.draft.references
    assert (reference.rank, reference.score, reference.findings) == (1, 0.75, "Old text.")
    assert view.draft.created_at.utcoffset() is not None
    with session(engine, read_only=True) as current:
        assert set(current.execute(select(FindingRow.raw_score, FindingRow.probability))) == {(0.7, 0.9), (0.02, 0.01)}


def test_saving_twice_changes_nothing(engine: Engine, run_id: int) -> None:
    first = save(engine, run_id, make_draft(), make_draft(2))
    assert save(engine, begin_run(engine), make_draft(), make_draft(2)) == first
    with session(engine, read_only=True) as current:
        assert [current.scalar(select(func.count()).select_from(part)) for part in PARTS] == [4, 2, 4, 2]
        assert set(current.scalars(select(DraftRow.run_id))) == {run_id}


def test_other_inputs_supersede(engine: Engine, run_id: int) -> None:
    save(engine, run_id, make_draft())
    save(engine, run_id, make_draft(inputs="i2"))
    assert statuses(engine) == {"i1": "superseded", "i2": "preliminary"}
    save(engine, run_id, make_draft())
    assert statuses(engine) == {"i1": "preliminary", "i2": "superseded"}


def test_the_same_inputs_decoded_otherwise_are_written_anew(engine: Engine, run_id: int) -> None:
    first = save(engine, run_id, make_draft())
    assert save(engine, run_id, make_draft(findings="Other.", regions=())) == first
    with session(engine, read_only=True) as current:
        view = draft_view(current, "A1")
    assert view and view.draft
    assert (view.draft.findings, view.draft.regions, len(view.draft.spans)) == ("Other.", (), 2)


def test_the_current_draft_is_the_preliminary_one_or_a_radiologists_last_word(engine: Engine, run_id: int) -> None:
    def current() -> int:
        with session(engine, read_only=True) as s:
            return catalogue.current_drafts(s, [1, 4])[1].draft_id

    ids = []
    for status in (DraftStatus.REVIEWED, DraftStatus.REJECTED):
        ids += save(engine, run_id, make_draft(inputs=status))
        review(engine, ids[-1], status)
        assert save(engine, run_id, make_draft(inputs=status)) == ids[-1:]
    assert current() == ids[1] and statuses(engine) == {"reviewed": "reviewed", "rejected": "rejected"}
    ids += save(engine, run_id, make_draft())
    assert current() == ids[2]
    save(engine, run_id, make_draft(inputs=DraftStatus.REVIEWED))  # back to what was reviewed: nothing is left to do
    assert current() == ids[1]
    with session(engine, read_only=True) as s:
        assert {s.get_one(DraftRow, draft_id).findings for draft_id in ids[:2]} == {"Mine."}


def test_a_second_preliminary_draft_is_impossible(engine: Engine, run_id: int) -> None:
    save(engine, run_id, make_draft(), make_draft(inputs="i2"))
    with session(engine) as current:
        with pytest.raises(IntegrityError):
            current.execute(update(DraftRow).values(status=DraftStatus.PRELIMINARY))
        current.rollback()


def test_numbers_of_numpy_are_stored_as_numbers(engine: Engine, run_id: int) -> None:
    score: Any = np.float32(0.5)
    box: Any = np.int64(7)
    save(engine, run_id, make_draft(regions=(Region("evidence", box, box, box, box, score),)))
    with session(engine, read_only=True) as current:
        row = current.scalars(select(RegionRow)).one()
        assert (row.x, row.score) == (7, 0.5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["i1", "i2", "i3"]), st.booleans()), min_size=1, max_size=6))
def test_whatever_happens_the_last_inputs_have_the_current_draft(
    engine: Engine, run_id: int, steps: list[tuple[str, bool]]
) -> None:
    with session(engine) as current:
        for table in (*PARTS, DraftRow):
            current.execute(delete(table))
    for inputs, reviewed in steps:
        (draft_id,) = save(engine, run_id, make_draft(inputs=inputs))
        with session(engine, read_only=True) as current:
            assert catalogue.current_drafts(current, [1], {1: inputs})[1].inputs_sha256 == inputs
        assert list(statuses(engine).values()).count("preliminary") <= 1
        if reviewed:
            review(engine, draft_id)
    assert sum(reviewed for _, reviewed in set(steps)) <= list(statuses(engine).values()).count("reviewed")
