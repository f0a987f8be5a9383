import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from builders.network import random_samples
from PIL import Image

from cxrreport.datasets.directory import READERS, DirectoryReader
from cxrreport.datasets.iu_xray import read_iu_xray
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.datasets.sample import LeftOut, check_disjoint, make_sample, state_indices, target_text
from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS, State
from cxrreport.model.config import POSITIVE

FILM = np.full((256, 256), 90, np.uint8)


def test_target_measures_nothing_but_numbers_that_are_no_size_stay():
    measured = "There is a 1.2 cm nodule. A nodule of XXXX cm. Mass of 2 x 3cm. 12 millimeter mass."
    assert target_text(f"{measured} Two leads. Fracture of the 7th rib.") == "two leads . fracture of the 7th rib ."


def test_target_is_cleaned_and_at_most_100_words():
    text = target_text(" ".join(["The heart, is NORMAL."] * 60))
    assert text.startswith("the heart, is normal . the heart") and len(text.split()) == 100
    spoken = "1. Plate-like atelectasis (mild), no effusion; stents."
    assert target_text(spoken) == "plate-like atelectasis mild , no effusion stents ."
    assert target_text("") == target_text("XXXX.") == ""


def test_states_are_indices_in_the_order_of_the_network():
    states = state_indices("There is a small left pleural effusion. No pneumothorax.")
    assert states.shape == (14,) and states[FINDINGS.index("pleural effusion")] == POSITIVE
    assert states[FINDINGS.index("pneumothorax")] == 2
    assert states[FINDINGS.index("fracture")] == 0


def test_phantoms_say_why_and_draw_the_same_studies_as_ever():
    first, again = draw_phantoms(2, 3), draw_phantoms(2, 3)
    assert all(sample.indication for sample in first)
    assert [sample.indication for sample in first] == [sample.indication for sample in again]


def test_sample_of_one_view():
    sample = make_sample("key", "patient", [FILM, None], "The heart is enlarged. Possible pneumonia.", "Rib fracture.")
    assert sample.pixels.shape == (2, 256, 256) and sample.pixels.dtype == np.uint8
    assert sample.present.tolist() == [True, False] and (sample.pixels[1] == 0).all()
    assert sample.report == "The heart is enlarged. Possible pneumonia." and sample.summary == "rib fracture ."
    assert {f for f, there in zip(FINDINGS, sample.positive) if there} == {"cardiomegaly", "fracture"}
    assert sample.known.all() and make_sample("k", "p", [FILM, None], "No edema.", "").summary == "no edema ."


def test_stored_labels_take_the_place_of_ours_where_they_are_complete():
    films = [np.zeros((256, 256), np.uint8), None]
    stored = dict.fromkeys(FINDINGS, State.NEGATIVE) | {"edema": State.UNCERTAIN}
    states = make_sample("a", "a", films, "The heart is enlarged.", "", stored).states.tolist()
    assert states == [2, 2, 2, 2, 3] + [2] * 9
    ours = make_sample("a", "a", films, "The heart is enlarged.", "").states
    for incomplete in ({}, {"edema": State.POSITIVE}):
        assert np.array_equal(make_sample("a", "a", films, "The heart is enlarged.", "", incomplete).states, ours)


def test_a_directory_is_read_as_any_collection(monkeypatch):
    samples = random_samples(5)
    monkeypatch.setitem(READERS, "noise", lambda directory, split: samples if split == "train" else [])
    read = DirectoryReader("noise", Path("/nowhere"))
    assert read("train") == samples and read("val") == [] and read.name == "noise" and not read.skipped
    assert read("train", limit=2) == samples[:2]
    assert read("train", limit=1, only=[samples[3].key, samples[4].key]) == samples[3:4]
    with pytest.raises(UsageError, match="Known datasets"):
        DirectoryReader("mimic", Path("/nowhere"))


def test_who_is_on_both_sides_is_refused():
    train, val = random_samples(4), random_samples(2, name="other")
    check_disjoint(train, val)
    for twice, said in (
        (train[2], "1 patients"),
        (dataclasses.replace(train[2], patient="x"), "1 studies are in two splits"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            check_disjoint(train, [*val, twice])
        assert caught.value.exit_code == 2 and train[2].patient not in caught.value.message


def _archive(directory, rows):
    (directory / "images").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "d"):
        Image.fromarray(rng.integers(0, 256, (40, 30), dtype=np.uint8)).save(directory / "images" / f"{name}.jpg")
    head = "uid,split,images,findings,impression"
    (directory / "studies.csv").write_text("\n".join([head, *rows]) + "\n")


def test_iu_xray_directory(tmp_path):
    rows = [
        "1,train,a:Frontal;b:Lateral,The heart is enlarged.,Cardiomegaly.",
        "2,train,c:Lateral,The lungs are clear.,",
        "3,train,d:Frontal,,No findings section.",
        "4,val,d:Frontal;a:Frontal,No pneumothorax.,",
        "5,train,,The lungs are clear.,",
        "6,train,,,",
    ]
    _archive(tmp_path, rows)
    (one, two, *gone), val = read_iu_xray(tmp_path, "train"), list(read_iu_xray(tmp_path, "val"))
    train = [one, two]
    assert gone == [LeftOut(3, "report.empty"), LeftOut(5, "film.missing"), LeftOut(6, "report.empty")]
    assert [s.key for s in train] == ["1", "2"] and [s.key for s in val] == ["4"]
    assert train[0].present.tolist() == [True, True] and train[1].present.tolist() == [False, True]
    assert train[0].pixels.shape == (2, 256, 256) and val[0].present.tolist() == [True, False]
    assert list(read_iu_xray(tmp_path, "test")) == []


def test_what_is_left_out_is_counted_once_however_often_it_is_met(tmp_path):
    rows = [
        "1,train,a:Frontal,The heart is enlarged.,",
        "2,train,b:Frontal, ,Only an impression.",
        "3,train,b:Frontal,... 1. /,",  # nothing is left of it
        "4,train,b:Oblique,The lungs are clear.,",
        "5,val,,The lungs are clear.,",
        "6,dev,c:Frontal,The lungs are clear.,",
        "7,,,,",
    ]
    _archive(tmp_path, rows)
    read = DirectoryReader("iu-xray", tmp_path)
    assert not read.skipped
    for _ in range(2):
        assert [s.key for s in read("train")] == ["1"]
        left_out = Counter({"report.empty": 2, "split.unknown": 2, "film.missing": 1})
        assert read.skipped == left_out
    assert read("val") == [] and read.skipped == left_out + Counter({"film.missing": 1})


def test_no_more_films_are_read_than_are_asked_for(tmp_path):
    _archive(tmp_path, [f"{number},train,{name}:Frontal,The lungs are clear.," for number, name in enumerate("abx")])
    read = DirectoryReader("iu-xray", tmp_path)
    assert [s.key for s in read("train", limit=2)] == ["0", "1"]  # there is no x.jpg
    with pytest.raises(UsageError, match="cannot be read"):
        read("train", limit=3)


def test_phantoms_are_their_own_patients_and_ever_the_same():
    phantoms, again = draw_phantoms(2, 5), draw_phantoms(2, 5)
    assert len({p.patient for p in phantoms}) == len({p.pixels.tobytes() for p in phantoms}) == 2
    assert all(p.target and p.summary and p.present.all() and p.pixels.shape == (2, 256, 256) for p in phantoms)
    assert all(np.array_equal(a.pixels, b.pixels) and a.report == b.report for a, b in zip(phantoms, again))


@pytest.mark.parametrize("content", [b"", b"no film", None])
def test_a_damaged_film_is_a_usage_error_without_its_path(tmp_path, content):
    _archive(tmp_path, ["0,val,b:Frontal,Clear.,", "1,train,a:Frontal,The heart is enlarged.,"])
    film = tmp_path / "images" / "a.jpg"
    film.write_bytes(film.read_bytes()[:300] if content is None else content)
    with pytest.raises(UsageError, match=r"^The film of row 2 of studies\.csv cannot be read\.$"):
        list(read_iu_xray(tmp_path, "train"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"uid,split,findings\n1,train,Clear.\n", "dataset lacks columns: images, impression"), (b"uid\xff\xfe\n", "UTF-8"),
        (b"", "lacks columns: findings, images"), (b"\n\n", "lacks columns: findings, images"),
        (None, "has no studies"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_of_ours_is_refused(tmp_path, content, said):
    if content is not None:
        (tmp_path / "studies.csv").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        list(read_iu_xray(tmp_path, "train"))


def test_no_report_leaves_a_published_split_by_its_language(tmp_path):
    _archive(tmp_path, ["1,test,a:Frontal,Kein Pneumothorax. Kein Erguss rechts. Das Herz ist normal gross.,"])
    read = DirectoryReader("iu-xray", tmp_path)
    assert len(read("test")) == 1 and not read.skipped
