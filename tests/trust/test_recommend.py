"""Whether to calibrate or to train: recommended where it helps, and what it is said to bring comes true."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from builders.calibration import made_up
from builders.tool import Tool

from cxrreport.findings import FINDINGS, State
from cxrreport.model.calibration import Calibration, log_odds, sigmoid
from cxrreport.trust import recommend as recommending
from cxrreport.trust.fit import fit_calibration
from cxrreport.trust.gain import Way, gains
from cxrreport.trust.recombine import recombined
from cxrreport.trust.recommend import advise
from cxrreport.trust.scored import Bools, Scored

PLAIN = {"slope": 1.0, "offset": 0.0}  # scores that are probabilities
EDEMA, PNEUMONIA = FINDINGS.index("edema"), FINDINGS.index("pneumonia")


def archive(count: int = 900, seed: int = 0, **curve: float) -> Scored:
    """Judged drafts, two of a patient."""
    films = made_up(count, seed, **(PLAIN | curve))
    return replace(films, patients=[f"{i // 2 % 10} {i // 2}" for i in range(count)])


def fifth(films: Scored) -> Bools:
    """Films of two patients in ten."""
    return np.array([int(patient.split()[0]) < 2 for patient in films.patients], bool)


@pytest.fixture(scope="module")
def true_to_scores() -> Calibration:
    """A calibration of many films of which the scores are probabilities."""
    return fit_calibration([archive(8000, 99)], "")


def test_a_fit_is_recommended_where_probabilities_are_off_and_its_gain_comes_true(true_to_scores: Calibration) -> None:
    off = {"slope": 0.5, "offset": -1.0}
    films = archive(**off)
    found = advise(films, fifth(films), true_to_scores, true_to_scores)
    assert found["calibrate"]["recommended"] and not found["train"]["recommended"]
    promised, new = found["calibrate"]["measures"]["log_loss"], archive(6000, 7, **off)
    after = Way.of(fit_calibration([films], "", true_to_scores), new)
    came = gains(Way.of(true_to_scores, new), after, new)["log_loss"]["gain"]
    assert promised["low"] <= came <= promised["high"]


def test_where_probabilities_hold_nothing_is_recommended(true_to_scores: Calibration) -> None:
    known = [archive(seed=seed) for seed in range(3)]
    found = [advise(films, fifth(films), true_to_scores, true_to_scores) for films in known]
    assert not any(one[name]["recommended"] for one in found for name in ("calibrate", "train"))


def test_too_few_say_nothing() -> None:
    scarce, narrow = archive(100), replace(archive(), patients=["5 1"] * 899 + ["0 2"])
    few = advise(scarce, fifth(scarce), None, None)
    assert few["calibrate"] == few["train"] and "fewer than 200" in few["calibrate"]["why"]
    assert "1 patients, fewer than 30" in advise(narrow, fifth(narrow), None, None)["train"]["why"]


def test_what_another_score_knows_is_read_out_of_it_and_training_recommended(true_to_scores: Calibration) -> None:
    films = archive(1500)
    rng, logits = np.random.default_rng(5), log_odds(films.scores)
    positive = films.positive.copy()
    positive[:, EDEMA] = rng.random(1500) < sigmoid(2 * logits[:, PNEUMONIA])  # its own score knows nothing of it
    known = replace(films, positive=positive)
    assert advise(known, fifth(known), true_to_scores, true_to_scores)["train"]["recommended"]
    rows = fifth(known)
    fitting, apart = known.take(~rows), known.take(rows)
    fitted = fit_calibration([fitting], "")
    found = recombined(fitting, apart, fitted)
    plain = fitted.apply_all(apart.scores, apart.views)[0]
    truth = sigmoid(2 * log_odds(apart.scores[:, PNEUMONIA]))
    assert abs(found[:, EDEMA] - truth).mean() < abs(plain[:, EDEMA] - truth).mean() / 2
    assert np.array_equal(found[:, -1], plain[:, -1])  # "no finding" is not read


def test_gains_are_means_over_known_claims_and_films() -> None:
    shape = (2, len(FINDINGS))
    positive = np.zeros(shape, bool)
    positive[0, EDEMA] = True
    known = np.ones(shape, bool)
    known[1, EDEMA] = False
    films = Scored("x", np.full(shape, 0.5), positive, known, [None, None], ["a", "b"])
    states = np.full(shape, State.BLANK, object)
    denied, called = states.copy(), states.copy()
    denied[0, EDEMA], called[0, EDEMA], called[1, EDEMA] = State.NEGATIVE, State.POSITIVE, State.POSITIVE
    sure = np.where(positive, 1.0, 0.0)
    found = gains(Way(np.full(shape, 0.5), denied), Way(sure, called), films)
    assert found["brier"] | {"low": 0, "high": 0} == {"before": 0.25, "after": 0, "gain": 0.25, "low": 0, "high": 0}
    assert found["log_loss"]["before"] == pytest.approx(np.log(2), abs=1e-4)
    assert (found["wrong"]["before"], found["wrong"]["after"]) == (0.5, 0)  # what nobody knows is not counted
    assert (found["missed"]["before"], found["missed"]["after"]) == (0.5, 0)


def test_the_command_says_it(drafted: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    drafted.json("trust")
    found = drafted.json("trust", "recommend")
    assert found["studies"] == 3 and not found["calibrate"]["recommended"] and found["failing"] == []
    assert drafted("trust", "recommend") == 0 and "fewer than 200" in drafted.out
    monkeypatch.setattr(recommending, "LEAST", 1)
    monkeypatch.setattr(recommending, "APART", 0)
    assert "low" in json.dumps(drafted.json("trust", "recommend")["calibrate"]["measures"]["log_loss"])
    assert drafted("trust", "recommend") == 0 and "log loss of a claim" in drafted.out
