"""Subgroups: who is too few stands with others, and groups are compared in the same findings."""

from dataclasses import replace

import numpy as np
import pytest
from builders.films import made_up_films

from cxrreport.evaluation.subgroups import age_band, pooled, subgroup_rows
from cxrreport.findings import FINDINGS, NO_FINDING

FILMS = made_up_films(400)


@pytest.mark.parametrize(
    ("age", "band"),
    [(17, "under 18"), (18, "18 to 39"), (39, "18 to 39"), (40, "40 to 59"), (79, "60 to 79"), (94, "80 and over"),
     (None, "unknown")],
)  # fmt: skip
def test_bands(age, band):
    assert age_band(age) == band


def test_small_groups_are_one():
    names = ["a"] * 50 + ["b"] * 49 + ["c"] * 2
    assert pooled(names) == ["a"] * 50 + ["b, c"] * 51
    assert pooled(["a"] * 3) == ["a"] * 3


def test_rows_add_up_to_the_whole():
    sexes = ["F" if i % 4 < 2 else "M" for i in range(400)]
    rows = subgroup_rows(FILMS, {"sex": sexes, "collection": ["nih"] * 400}, 0)
    women, men, whole = rows
    assert [(row["by"], row["group"]) for row in rows] == [("sex", "F"), ("sex", "M"), ("collection", "nih")]
    for count in ("films", "patients"):
        assert women[count] + men[count] == whole[count]
    assert women["missed"]["positives"] + men["missed"]["positives"] == whole["missed"]["positives"]
    there = FILMS.positive[:, : FINDINGS.index("support devices")]
    assert whole["missed"]["positives"] == there.sum()
    missed = (there & ~FILMS.called[:, : there.shape[1]]).sum() / there.sum()
    assert whole["missed"]["share"] == pytest.approx(missed)
    assert whole["missed"]["low"] < missed < whole["missed"]["high"]


def test_who_is_too_few_even_together_is_not_compared_and_keeps_nobody_from_it():
    ages = ["old" if i < 4 else "young" for i in range(400)]
    old, young = subgroup_rows(FILMS, {"age": ages}, 0)
    assert old["films"] == 4 and old["mean_auc"]["value"] is None and old["missed"]["share"] is None
    assert young["mean_auc"]["findings"] == list(FINDINGS[:NO_FINDING])


def test_groups_are_compared_in_findings_that_all_of_them_have():
    sexes = np.array(["F" if i % 4 < 2 else "M" for i in range(400)])
    edema = FINDINGS.index("edema")
    positive = FILMS.positive.copy()
    positive[(sexes == "F"), edema] = False
    women, men = subgroup_rows(replace(FILMS, positive=positive), {"sex": sexes.tolist()}, 0)
    assert women["mean_auc"]["findings"] == men["mean_auc"]["findings"]
    assert set(FINDINGS[:NO_FINDING]) - set(men["mean_auc"]["findings"]) == {"edema"}
