"""Scores of labelled films: each share says of how many, and what labels do not tell counts nowhere."""

from dataclasses import replace

import numpy as np
import pytest
from builders.films import made_up_films

from cxrreport.evaluation.clinical import auc
from cxrreport.evaluation.films import drawn_share, false_alarms, finding_rows, mean_area, often, share
from cxrreport.findings import FINDINGS, NO_FINDING

FILMS = made_up_films()
EDEMA, DEVICES = FINDINGS.index("edema"), FINDINGS.index("support devices")


def test_a_finding_by_hand():
    films = made_up_films(8)
    column = {"positive": [1, 1, 1, 0, 0, 0, 0, 1], "known": [1, 1, 1, 1, 1, 1, 1, 0]}
    column |= {"called": [1, 0, 0, 1, 0, 0, 0, 1], "denied": [0, 1, 0, 0, 1, 1, 0, 1]}
    column |= {"probabilities": [0.9, 0.1, 0.4, 0.6, 0.1, 0.1, 0.3, 0.9]}
    tables = {name: getattr(films, name).copy() for name in column}
    for name, values in column.items():
        tables[name][:, EDEMA] = values
    row = finding_rows(replace(films, **tables))["edema"]
    assert (row["films"], row["positives"], row["called"]) == (7, 3, 2)  # the last film's labels do not tell
    assert (row["denied"], row["wrong_denials"]) == (3, 1)
    assert (row["sensitivity"], row["specificity"], row["precision"]) == (1 / 3, 3 / 4, 1 / 2)
    assert row["auc"] == pytest.approx((4 + 2 * 0.5 + 3) / 12)  # .9 beats 4, .1 ties with 2, .4 beats 3
    assert row["brier"] == pytest.approx((0.01 + 0.81 + 0.36 + 0.36 + 0.01 + 0.01 + 0.09) / 7)


def test_no_finding_is_no_row_and_what_is_never_called_has_no_precision():
    rows = finding_rows(replace(FILMS, called=np.zeros_like(FILMS.called)))
    assert "no finding" not in rows and len(rows) == NO_FINDING
    assert all(row["precision"] is None and row["sensitivity"] == 0 for row in rows.values())
    nowhere = replace(FILMS, known=np.zeros_like(FILMS.known))
    assert finding_rows(nowhere) == {} and not nowhere.normal.any()


def test_the_mean_area_is_of_the_findings_with_films_enough():
    few = FILMS.positive.copy()
    few[np.flatnonzero(few[:, EDEMA])[14:], EDEMA] = False
    films = replace(FILMS, positive=few)
    chosen = often(films)
    assert chosen == [i for i in range(NO_FINDING) if i != EDEMA] and EDEMA in often(FILMS)
    mean = mean_area(films, chosen, films.draws(0))
    areas = [auc(films.positive[:, i], films.probabilities[:, i]) for i in chosen]
    assert mean["value"] == pytest.approx(np.mean(areas)) and mean["low"] < mean["value"] < mean["high"]
    assert mean["of_scores"] == pytest.approx(mean["value"])  # the same order
    assert mean["findings"] == [FINDINGS[i] for i in chosen]
    assert mean_area(films, [], films.draws(0)) == {
        "value": None, "low": None, "high": None, "of_scores": None, "findings": []
    }  # fmt: skip


def test_patients_are_drawn_with_all_their_films():
    draws = FILMS.draws(3)
    assert (draws[:, ::2] == draws[:, 1::2]).all() and (draws.sum(1) == len(FILMS)).all()
    twins = replace(FILMS, patients=np.arange(len(FILMS)).astype(str))
    wide = false_alarms(FILMS, draws)
    assert wide["share"] == false_alarms(twins, twins.draws(3))["share"]


def test_false_alarms_are_of_films_labelled_normal_and_a_device_is_none():
    films = made_up_films(9)
    called = np.zeros_like(films.called)
    called[0, EDEMA] = called[1, DEVICES] = called[-1, EDEMA] = True
    films = replace(films, called=called)
    assert films.normal[:3].all() and not films.normal[-1]
    found = false_alarms(films, films.draws(0))
    assert found["films"] == films.normal.sum() and found["share"] == pytest.approx(1 / films.normal.sum())
    assert found["low"] <= found["share"] <= found["high"]


def test_a_share_of_nothing_is_none():
    nothing = np.zeros(3, bool)
    assert share(nothing, nothing) is None
    assert drawn_share(nothing, nothing, np.ones((5, 3))) == {"share": None, "low": None, "high": None}
