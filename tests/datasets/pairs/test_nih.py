"""Follow-ups of NIH ChestX-ray14: labels first, pixels on demand."""

import numpy as np
import pytest
from builders.films import collection

from cxrreport.datasets.pairs.nih import open_follow_up, read_follow_ups
from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS
from cxrreport.records import View

FILMS = [("a", "6", "40", "F", "AP", "Effusion|Mass"), ("b", "6", "41", "F", "", "Mass|Edema")]


def at(finding):
    return FINDINGS.index(finding)


def test_a_split_is_read_without_opening_an_image(tmp_path):
    header = "patient,id_prev,id_curr,labels_prev,labels_curr"
    (tmp_path / "pairs.csv").write_text(f"{header}\n1,a,b,Mass,Edema\n6,c,d,Mass,Edema\n11,e,f,Mass,Edema\n")
    found = {split: [one.key for one in read_follow_ups(tmp_path, split)] for split in ("train", "val", "held out")}
    assert found == {"train": ["nih-a-b"], "val": ["nih-c-d"], "held out": ["nih-e-f"]}


def test_labels_views_and_pixels_of_a_pair(tmp_path):
    (one,) = read_follow_ups(collection(tmp_path / "films", FILMS, [("6", "a", "b")]), "val")
    assert one.before[at("pleural effusion")] and not one.now[at("pleural effusion")] and one.now[at("edema")]
    assert not one.known[at("lung opacity")] and (one.prior_view, one.view) == (View.AP, View.FRONTAL)
    pair = open_follow_up(one)
    assert (pair.key, pair.patient, pair.place, pair.days) == (one.key, "nih-6", "nih", None)
    assert pair.current.shape == pair.prior.shape == (256, 256) and not np.array_equal(pair.current, pair.prior)


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_cut_image_of_a_pair_is_told_by_its_row(tmp_path, name):
    pairs = read_follow_ups(collection(tmp_path, FILMS, [("11", "b", "a"), ("6", "a", "b")]), "val")
    image = tmp_path / "images" / f"{name}.jpg"
    image.write_bytes(image.read_bytes()[:300])
    with pytest.raises(UsageError, match=r"^The film of row 2 of pairs\.csv cannot be read\.$"):
        open_follow_up(next(pairs))
