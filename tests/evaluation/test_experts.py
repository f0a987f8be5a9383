"""Films beside what radiologists say of them."""

from dataclasses import replace

import numpy as np
import pytest
from builders.films import made_up_films

from cxrreport.evaluation.experts import expert_rows
from cxrreport.findings import FINDINGS

FINDINGS_OF = {"opacity": ("edema", "pneumonia"), "fracture": ("fracture",)}


def test_a_label_is_borne_out_by_any_of_its_findings():
    films = made_up_films(6)
    edema, pneumonia = FINDINGS.index("edema"), FINDINGS.index("pneumonia")
    called, likely = np.zeros_like(films.called), np.zeros_like(films.probabilities)
    called[0, edema] = called[1, pneumonia] = called[2, pneumonia] = True
    likely[:, edema], likely[1, pneumonia] = [0.9, 0.1, 0.3, 0.5, 0, 0], 0.8
    known = np.ones_like(called)
    films = replace(films, called=called, probabilities=likely, positive=np.zeros_like(called), known=known)
    truth = {f"k{i}": {"opacity": there} for i, there in enumerate([True, True, False, True, False])}
    rows = expert_rows(films, [f"k{i}" for i in range(6)], truth, FINDINGS_OF)
    row = rows["opacity"]
    assert (row["films"], row["positives"], row["auc"]) == (5, 3, 1.0)  # nobody judged the last film
    assert (row["sensitivity"], row["precision"]) == (2 / 3, 2 / 3)
    assert row["labels_sensitivity"] == 0 and row["labels_precision"] is None
    assert rows["fracture"]["films"] == 0 and rows["fracture"]["auc"] is rows["fracture"]["sensitivity"] is None


def test_mined_labels_are_not_blamed_for_what_nobody_mined():
    films = made_up_films(4)
    known, positive = np.ones_like(films.known), np.zeros_like(films.positive)
    known[:, FINDINGS.index("fracture")] = known[3, FINDINGS.index("edema")] = False
    positive[0, FINDINGS.index("pneumonia")] = positive[0, FINDINGS.index("fracture")] = True
    keys = [f"k{i}" for i in range(4)]
    truth = {key: {"opacity": True, "fracture": True} for key in keys}
    rows = expert_rows(replace(films, known=known, positive=positive), keys, truth, FINDINGS_OF)
    assert rows["fracture"]["labels_sensitivity"] is rows["fracture"]["labels_precision"] is None
    assert rows["opacity"]["labels_sensitivity"] == pytest.approx(1 / 3)  # nothing is told of the last film
