from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from builders.network import random_samples, tiny_weights

from cxrreport.datasets.sample import make_sample
from cxrreport.evaluation import candidates
from cxrreport.evaluation.candidates import (
    Drafted,
    by_labels,
    constant,
    draft,
    nearest_by_image,
    random_reports,
    retrieved_texts,
    stored_texts,
)
from cxrreport.evaluation.protocols import protocol
from cxrreport.findings import FINDINGS, State
from cxrreport.model.drafter import Drafter, NetworkDraft, StudyStates
from cxrreport.model.generation import Decoding
from cxrreport.model.prose import Prose
from cxrreport.reports.labels import label

STATES = tuple(State)


@pytest.fixture(scope="module")
def drafter():
    return Drafter(tiny_weights(), Decoding(beams=1, max_new_tokens=6, min_new_tokens=2))


def _draft(*positive):
    states = tuple(State.POSITIVE if i in positive else State.NEGATIVE for i in range(14))
    return NetworkDraft("", StudyStates(states, (0.5,) * 14, (), True), (), True)


def _rows(*positives):
    rows = np.zeros((len(positives), 14), np.int64)
    for row, findings in zip(rows, positives, strict=True):
        row[list(findings)] = STATES.index(State.POSITIVE)
    return rows


def test_the_labels_choose_the_report_that_agrees_best_and_rank_breaks_ties():
    train = _rows({1}, {2}, {1, 2}, {13}, {1, 2})
    retrieved = np.array([[3, 0, 4, 2], [3, 1, 0, 2], [2, 0, 3, 1]])
    chosen = by_labels([_draft(1, 2), _draft(5), _draft(13)], retrieved, train)
    assert chosen.tolist() == [4, 3, 3]


def test_what_is_stored_is_the_beam_most_like_the_retrieved_reports_and_says_what_the_table_says():
    train = random_samples(3)
    states = tuple(State.POSITIVE if FINDINGS[i] == "edema" else State.NEGATIVE for i in range(14))
    others = (Prose(train[2].report, (), False),)
    made = NetworkDraft("The bones are intact.", StudyStates(states, (0.5,) * 14, (), True), (), True, others)
    encoded = SimpleNamespace(retrieved=torch.tensor([[2], [2]]))
    (said, flags), failed = stored_texts(Drafted([made, replace(made, valid=False)], encoded), train, None)
    assert "edema" in said.lower() and "bones" not in said and failed == ("", ())
    assert "finding_named" in flags
    assert {f for f, state in label(said).items() if state is State.POSITIVE} == {"edema"}


def test_image_retrieval_finds_the_same_film_of_another_patient(drafter):
    train, asked = random_samples(20, 1, "train"), []
    for row in (3, 18):
        twin = train[row]
        asked.append(
            make_sample("new", "new", list(twin.pixels) if twin.present.all() else [twin.pixels[0], None], "Clear.", "")
        )
    drafted = draft(drafter, train, asked)
    assert nearest_by_image(drafter, drafted.encoded, train, asked).tolist() == [3, 18]
    again = draft(drafter, train, [train[5]])
    assert nearest_by_image(drafter, again.encoded, train, [train[5]])[0] != 5


def test_retrieved_rows_are_reports_of_train_in_the_order_of_the_samples(drafter):
    train, samples = random_samples(9, 1, "train"), random_samples(4, 2, "val")
    drafted = draft(drafter, train, samples)
    rows = retrieved_texts(drafter, drafted, train, samples)
    assert set(rows) == {candidates.BY_TEXT, candidates.BY_IMAGE, candidates.BY_LABELS}
    first = [train[i].report for i in drafted.encoded.retrieved[:, 0].tolist()]
    assert rows[candidates.BY_TEXT] == first
    known = [{train[i].report for i in row} for row in drafted.encoded.retrieved.tolist()]
    assert all(text in reports for text, reports in zip(rows[candidates.BY_LABELS], known, strict=True))


def _said(*reports):
    return [make_sample(f"s{i}", f"p{i}", [np.zeros((256, 256), np.uint8), None], r, "") for i, r in enumerate(reports)]


def test_the_constant_report_is_chosen_in_the_form_of_the_protocol():
    """R makes <unk> of what C would reward: another report wins."""
    train = _said(*["Heart is normal."] * 3, "Rare cardiac enlargement seen.", "Heart is big.", "Heart is wide.")
    val = _said("Rare cardiac enlargement seen.", "Rare cardiac enlargement seen.", "Heart is normal.")
    assert constant(train, val, protocol("C", [s.report for s in train])) == "Rare cardiac enlargement seen."
    assert constant(train, val, protocol("R", [s.report for s in train])) == "Heart is normal."


def test_only_the_commonest_reports_are_tried_and_the_more_frequent_wins_a_tie():
    train = _said(*(f"Common {i}." for i in range(50) for _ in range(2)), "Rare one.")
    form = protocol("C", [])
    assert constant(train, _said("Rare one."), form) == "Common 0."


def test_random_reports_are_repeatable_and_never_the_patients_own():
    train = _said(*(f"Report {i}." for i in range(5)))
    for seed in range(5):
        found = random_reports(train, train, seed)
        assert all(said != s.report for said, s in zip(found, train, strict=True))
        assert found == random_reports(train, train, seed)
    assert len({tuple(random_reports(train, train, seed)) for seed in range(5)}) > 1
