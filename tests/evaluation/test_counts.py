import math

import numpy as np
import pytest

from cxrreport.evaluation import clinical, language
from cxrreport.evaluation.counts import count_studies, draw_counts, interval
from cxrreport.findings import State

P = State.POSITIVE
REFERENCES = [
    "the heart is enlarged .",
    "no pleural effusion . lungs clear .",
    "small left effusion .",
    "the lungs are clear .",
]
SPOKEN = ["the heart is normal .", "no pleural effusion .", "small left pleural effusion .", ""]
SAID = [{"no finding": P}, {"no finding": P}, {"pleural effusion": P, "edema": P}, {"no finding": P}]
TRUTH = [{"cardiomegaly": P}, {"no finding": P}, {"pleural effusion": P}, {"no finding": P, "edema": State.UNCERTAIN}]


def _counts(rows=range(4)):
    picked = ([column[i] for i in rows] for column in (SPOKEN, REFERENCES, SAID, TRUTH))
    return count_studies(*picked, {"invented": [i == 2 for i in rows], "copied": [i > 1 for i in rows]})


def test_points_are_the_scores_of_the_corpus():
    points = _counts().points()
    spoken = language.score(SPOKEN, REFERENCES)
    assert {name: points[name] for name in spoken} == pytest.approx(spoken)
    found = clinical.score(SAID, TRUTH)
    assert {name: points[name] for name in found} == pytest.approx(found)
    assert (points["invented"], points["copied"]) == (0.25, 0.5)


def test_findings_are_scored_one_by_one():
    found = _counts().findings()
    assert found["pleural effusion"] == {"precision": 1, "recall": 1, "f1": 1, "support": 1}
    assert found["no finding"] == pytest.approx({"precision": 2 / 3, "recall": 1, "f1": 0.8, "support": 2})
    assert found["cardiomegaly"]["support"] == 1 and found["edema"] == dict.fromkeys(found["edema"], 0)


def test_a_draw_scores_as_the_repeated_studies_would():
    counts = draw_counts(4, seed=2, draws=6)
    drawn = _counts().scores(counts)
    for draw, row in enumerate(counts.astype(int)):
        points = _counts(np.repeat(np.arange(4), row)).points()
        assert set(points) > {"cider"}
        for name in set(points) - {"cider"}:  # its document frequencies stay those of all studies
            assert drawn[name][draw] == pytest.approx(points[name]), name


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="hypotheses"):
        count_studies([], [], [], [], {})


def test_every_draw_has_as_many_studies_and_is_repeatable():
    counts = draw_counts(30, seed=3, draws=200)
    assert counts.shape == (200, 30) and (counts.sum(1) == 30).all() and counts.max() > 1
    assert np.array_equal(counts, draw_counts(30, 3, 200)) and not np.array_equal(counts, draw_counts(30, 4, 200))


@pytest.mark.parametrize(("studies", "draws"), [(0, 10), (3, 0)])
def test_nothing_to_draw_is_refused(studies, draws):
    with pytest.raises(ValueError, match="draws"):
        draw_counts(studies, 0, draws)


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(0).normal(5, 1, 200)
    low, high = interval(draw_counts(200, 1) @ values / 200)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(200), rel=0.15)


def test_undefined_draws_are_left_out():
    assert interval(np.array([1.0, np.nan, 1.0])) == (1, 1)
    assert interval(np.array([np.nan])) is None
