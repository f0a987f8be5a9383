"""Radiologists' labels of NIH's films."""

import pytest
from builders.data import DATA

from cxrreport.datasets.experts import EXPERT_FINDINGS, read_experts
from cxrreport.datasets.nih import read_nih_films
from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS

HEADER = "id,fracture,pneumothorax,airspace_opacity,nodule_or_mass"
LARGE = DATA / "nih-large"


def test_a_blank_cell_tells_nothing(tmp_path):
    (tmp_path / "expert_labels.csv").write_text(f"{HEADER}\n7_001,0,1,,0\n")
    assert dict(read_experts(tmp_path)) == {
        "nih-7_001": {"fracture": False, "pneumothorax": True, "nodule_or_mass": False}
    }


def test_every_finding_is_one_of_ours():
    assert {f for of in EXPERT_FINDINGS.values() for f in of} <= set(FINDINGS)


def test_another_table_is_refused(tmp_path):
    (tmp_path / "expert_labels.csv").write_text("id\n")
    with pytest.raises(UsageError, match="lacks columns"):
        list(read_experts(tmp_path))


@pytest.mark.skipif(not LARGE.is_dir(), reason="the films are not here")
def test_the_films_are_those_of_the_collection():
    judged = dict(read_experts(LARGE))
    known = {film.key for split in ("train", "val", "held out") for film in read_nih_films(LARGE, split)}
    assert len(judged) == 282 and set(judged) <= known
