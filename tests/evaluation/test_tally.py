import numpy as np
import pytest

from cxrreport.evaluation import clinical, language
from cxrreport.evaluation.resampling import draw_counts
from cxrreport.evaluation.tally import tally
from cxrreport.findings import State

P = State.POSITIVE
REFERENCES = [
    "the heart is enlarged .",
    "no pleural effusion . lungs clear .",
    "small left effusion .",
    "the lungs are clear .",
]
SPOKEN = ["the heart is normal .", "no pleural effusion .", "small left pleural effusion .", ""]
SAID = [{}, {"no finding": P}, {"pleural effusion": P, "edema": P}, {"no finding": P}]
TRUTH = [{"cardiomegaly": P}, {"no finding": P}, {"pleural effusion": P}, {"no finding": P, "edema": State.UNCERTAIN}]


def _tally(rows=range(4)):
    picked = ([column[i] for i in rows] for column in (SPOKEN, REFERENCES, SAID, TRUTH))
    return tally(*picked, [i == 2 for i in rows], [i > 1 for i in rows])


def test_points_are_the_scores_of_the_corpus():
    points = _tally().points()
    spoken = language.score(SPOKEN, [[r] for r in REFERENCES])
    assert {name: points[name] for name in spoken} == pytest.approx(spoken)
    found = clinical.score(SAID, TRUTH)
    for kind in ("example", "micro", "macro"):
        ratio = getattr(found, kind)
        expected = (ratio.precision, ratio.recall, ratio.f1)
        assert tuple(points[f"{kind}_{name}"] for name in ("precision", "recall", "f1")) == pytest.approx(expected)
    assert (points["hallucination_rate"], points["copied_share"]) == (0.25, 0.5)


def test_findings_are_scored_one_by_one():
    found, expected = _tally().findings(), clinical.score(SAID, TRUTH).findings
    assert expected
    for name, ratio in expected.items():
        scores = {"precision": ratio.precision, "recall": ratio.recall, "f1": ratio.f1, "support": ratio.support}
        assert found[name] == pytest.approx(scores)


def test_a_draw_scores_as_the_repeated_studies_would():
    counts = draw_counts(4, seed=2, draws=6)
    drawn = _tally().scores(counts)
    for draw, row in enumerate(counts.astype(int)):
        points = _tally(np.repeat(np.arange(4), row)).points()
        assert set(points) > {"cider"}
        for name in set(points) - {"cider"}:  # its document frequencies stay those of all studies
            assert drawn[name][draw] == pytest.approx(points[name]), name


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="hypotheses"):
        tally([], [], [], [], [], [])
