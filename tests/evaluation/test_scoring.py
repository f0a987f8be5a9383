import numpy as np
import pytest
import torch
from builders.network import random_samples, tiny_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.datasets.encoded import encode_samples
from cxrreport.evaluation.counts import draw_counts
from cxrreport.evaluation.scoring import (
    choose_thresholds,
    draft_samples,
    score_states,
    score_texts,
    state_intervals,
)
from cxrreport.findings import FINDINGS, State
from cxrreport.model.drafter import Drafter, NetworkDraft, StudyStates
from cxrreport.model.generation import Decoding


def test_every_sample_is_drafted_from_its_plain_film():
    """More samples than a batch holds; the draft is that of the drafter on the sample itself."""
    drafter = Drafter(tiny_weights(), Decoding(beams=1, max_new_tokens=6, min_new_tokens=2))
    samples = random_samples(18)
    bank = drafter.embed_texts([s.summary for s in samples])
    encoded = encode_samples(drafter, samples, bank, [s.patient for s in samples], 2, torch.Generator().manual_seed(0))
    drafts = draft_samples(drafter, encoded)
    assert len(drafts) == 18 and all(d.text for d in drafts)
    for row in (0, 17):
        features = encoded.features([row], torch.tensor([0]))
        reports = bank[encoded.retrieved[row].numpy()][None]
        (alone,) = drafter.draft(features, reports, np.ones(reports.shape[:2], bool))
        assert drafts[row].text == alone.text and drafts[row].states.states == alone.states.states


TEXTS = ["The heart is enlarged.", "Small left pleural effusion. No pneumothorax."]


def _truth(*positive):
    return [{f: State.POSITIVE if f in names else State.BLANK for f in FINDINGS} for names in positive]


def test_perfect_texts_score_one():
    truth = _truth({"cardiomegaly"}, {"pleural effusion"})
    scores = score_texts(TEXTS, TEXTS, truth)
    assert scores["bleu_1"] == pytest.approx(1) and scores["rouge_l"] == pytest.approx(1)
    assert scores["example_f1"] == scores["micro_f1"] == 1
    assert scores["distinct"] == 2 and scores["hallucination_rate"] == 0


def test_texts_are_scored_cleaned_and_invented_priors_are_counted():
    truth = _truth({"cardiomegaly"}, {"pleural effusion"})
    shouted = score_texts([t.upper() for t in TEXTS], TEXTS, truth)
    assert shouted["bleu_2"] == pytest.approx(1)
    spaced = score_texts(["The heart is enlarged.", "the heart  IS enlarged."], TEXTS, truth)
    assert spaced["distinct"] == 1 and spaced["hallucination_rate"] == 0
    constant = score_texts(["Unchanged compared to the prior study."] * 2, TEXTS, truth)
    assert constant["distinct"] == 1 and constant["hallucination_rate"] == 1 and constant["example_f1"] == 0


def _draft(states, probabilities):
    return NetworkDraft("", StudyStates(tuple(states), tuple(probabilities), (), True), (), True)


def test_states_are_scored_against_the_references():
    truth = np.zeros((4, 14), np.int64)
    truth[:2, 1] = 1
    drafts = []
    for positive, p in ((True, 0.9), (True, 0.6), (False, 0.7), (False, 0.1)):
        states = [State.BLANK] * 14
        states[1] = State.POSITIVE if positive else State.NEGATIVE
        drafts.append(_draft(states, [0.5, p] + [0.5] * 12))
    scores = score_states(drafts, truth)
    assert scores["auc cardiomegaly"] == scores["mean_auc"] == pytest.approx(0.75)
    assert [key for key in scores if key.startswith("auc ")] == ["auc cardiomegaly"]  # others do not vary
    assert scores["states_example_f1"] == 0.5  # two right, two with nothing to find
    assert scores["states_macro_f1"] == pytest.approx(1 / 14)


def test_states_without_any_variation_have_no_area():
    scores = score_states([_draft([State.BLANK] * 14, [0.1] * 14)] * 2, np.zeros((2, 14), np.int64))
    assert scores == {"states_example_f1": 0, "states_macro_f1": 0, "mean_auc": 0}


def _ranked(n=60, seed=0):
    """Drafts whose cardiomegaly (20 positives) is told better than edema (4)."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((n, 14), np.int64)
    truth[:20, 1] = truth[:4, 4] = 1
    p = rng.random((n, 14))
    p[:, 1] += truth[:, 1]
    return [_draft([State.BLANK] * 14, row) for row in p], truth


def test_a_mean_over_findings_with_enough_positives():
    drafts, truth = _ranked()
    scores = score_states(drafts, truth)
    assert scores["mean_auc_15"] == scores["auc cardiomegaly"] == 1
    assert scores["mean_auc"] == pytest.approx((1 + scores["auc edema"]) / 2)


def test_intervals_of_the_areas_hold_the_areas():
    drafts, truth = _ranked()
    scores, found = score_states(drafts, truth), state_intervals(drafts, truth, draw_counts(60, 1, 300))
    assert set(found) == {"mean_auc", "mean_auc_15", "auc cardiomegaly", "auc edema"}
    assert found["auc cardiomegaly"] == (1, 1)
    low, high = found["auc edema"]
    assert low < scores["auc edema"] < high and high - low > 0.1  # four positives tell little
    low, high = found["mean_auc"]
    assert low < scores["mean_auc"] < high


def _f1(y, called):
    return 2 * (y & called).sum() / max(y.sum() + called.sum(), 1)


@given(st.integers(20, 120), st.integers(0, 10_000), st.floats(0.1, 0.4), st.booleans())
@settings(max_examples=25, deadline=None)
def test_thresholds_are_the_best_of_those_that_call_few_too_many(n, seed, share, ties):
    rng = np.random.default_rng(seed)
    y = rng.random((n, 14)) < share
    p = np.clip(rng.normal(0.3 + 0.2 * y, 0.15), 0, 1)
    p = p.round(1) if ties else p
    for finding, threshold in enumerate(choose_thresholds(p, y)):
        values, truth = p[:, finding], y[:, finding]
        if truth.sum() < 5:
            assert threshold == 0.5
            continue
        bound = 1.25 * truth.sum()
        fair = [t for t in np.unique(values) if (values >= t).sum() <= bound]
        assert (values >= threshold).sum() <= bound or not fair
        assert all(_f1(truth, values >= threshold) >= _f1(truth, values >= t) - 1e-12 for t in fair)


def test_few_positives_keep_one_half():
    p = np.linspace(0, 1, 40)[:, None].repeat(14, 1)
    y = p > 0.8
    y[:, 0] = False
    y[-3:, 0] = True
    thresholds = choose_thresholds(p, y)
    assert thresholds[0] == 0.5 and 0.76 < thresholds[1] <= 0.83
