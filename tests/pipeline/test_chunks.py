"""Chunks of due studies: whole patients, in order; what has cost a run before comes alone."""

from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from cxrreport.pipeline.chunks import plan
from cxrreport.pipeline.due import DueRow

PATIENTS = st.lists(st.lists(st.sampled_from([0, 0, 0, 0, 1]), min_size=1, max_size=40), max_size=12)


def rows(patients: list[list[int]]) -> list[DueRow]:
    found = [(patient, attempts) for patient, tried in enumerate(patients) for attempts in tried]
    return [DueRow(number, patient, attempts) for number, (patient, attempts) in enumerate(found)]


@given(patients=PATIENTS, batch=st.integers(1, 8))
def test_each_study_comes_once_and_a_patient_in_order(patients: list[list[int]], batch: int) -> None:
    due = rows(patients)
    found = plan(due, batch)
    assert sorted(chain(*found.free, *found.in_turn)) == due
    for chunks in found:
        for patient in {row.patient_id for row in chain(*chunks)}:
            own = [row for row in chain(*chunks) if row.patient_id == patient]
            assert own == [row for row in due if row.patient_id == patient]  # whole, on one side


@given(patients=PATIENTS, batch=st.integers(1, 8))
def test_what_is_side_by_side_needs_nothing_of_another_chunk(patients: list[list[int]], batch: int) -> None:
    found = plan(rows(patients), batch)
    seen = [{row.patient_id for row in chunk} for chunk in found.free]
    assert sum(map(len, seen)) == len(set().union(*seen))
    assert not any(row.attempts for row in chain(*found.free))
    assert all(len(chunk) < 2 * batch + 8 * batch for chunk in found.free)


@given(due=st.integers(1, 400), batch=st.integers(1, 16), drafters=st.integers(1, 20))
def test_each_drafter_has_as_many_chunks_and_none_more_than_two_batches(due: int, batch: int, drafters: int) -> None:
    chunks = plan(rows([[0]] * due), batch, drafters).free
    sizes = [len(chunk) for chunk in chunks]
    assert max(sizes) <= 2 * batch and len(set(sizes[:-1])) <= 1
    assert len(chunks) <= drafters * -(-due // (2 * batch * drafters))  # as few as can be


@given(patients=PATIENTS, batch=st.integers(1, 8))
def test_a_patient_with_a_study_that_cost_a_run_comes_one_by_one(patients: list[list[int]], batch: int) -> None:
    troubled = {patient for patient, tried in enumerate(patients) if any(tried)}
    for chunk in plan(rows(patients), batch).in_turn:
        assert len({row.patient_id for row in chunk}) == 1
        assert len(chunk) == 1 or chunk[0].patient_id not in troubled
        assert len(chunk) <= 2 * batch
