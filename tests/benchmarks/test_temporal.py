from dataclasses import replace

import numpy as np
import pytest
import torch
from builders.network import random_samples, tiny_weights
from builders.pairs import random_pairs
from PIL import Image

from benchmarks import temporal
from benchmarks.pair_places import _boxes
from benchmarks.pair_sets import PairSet, still_sets, wrong_patient
from benchmarks.pair_texts import measure_texts
from benchmarks.tables import read_rows
from benchmarks.temporal import alone, main, majority
from cxrreport.datasets.pairs.phantom import phantom_pairs
from cxrreport.findings import FINDINGS
from cxrreport.model.comparer import Comparer
from cxrreport.model.drafter import Drafter
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.weights import load_weights, save_weights
from cxrreport.training.pair_cache import Bank


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    made = tiny_weights()
    temporal = TemporalNetwork(made.network.config)
    torch.nn.init.normal_(temporal.head.read, std=0.2)
    place = tmp_path_factory.mktemp("weights") / "w"
    save_weights(place, made.network, made.views, made.tokenizer, {}, None, temporal)
    return place


def test_every_table_is_printed_and_the_figures_are_written(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(temporal, "draw_phantoms", lambda count, seed: random_samples(count // 10, seed))
    monkeypatch.setattr(temporal.os, "sched_getaffinity", lambda _: ())  # registered in this process
    assert main(["--weights", str(weights), "--phantoms", "2", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for title in ("Changes: phantom", "Places: phantom", "Texts: phantom", "Still", "Order", "Another patient's prior"):
        assert f"### {title}" in shown
    changes = read_rows(tmp_path / "changes.csv")
    assert [row["row"] for row in changes] == [
        "majority class", "difference of two single outputs", "compared, films not registered",
        "compared, pixels left out", "compared, patches of the prior left out", "compared",
    ]  # fmt: skip
    assert {row["pairs"] for row in changes} == {"2"}
    assert {row["row"] for row in read_rows(tmp_path / "still.csv")} == set(still_sets([]))


def test_pairs_without_reports_have_no_texts(weights):
    made = load_weights(weights)
    silent = PairSet("nih", [replace(p, report="") for p in phantom_pairs(2, 3)], random_pairs(2), random_pairs(2))
    assert measure_texts(Drafter(made), Comparer(made), silent, Bank(np.zeros((0, 4), np.float32), [])) == {}


def test_weights_that_compare_nothing_and_missing_films_are_told_in_a_sentence(weights, tmp_path, capsys):
    made = tiny_weights()
    save_weights(tmp_path / "old", made.network, made.views, made.tokenizer, {})
    assert main(["--weights", str(tmp_path / "old")]) == 1
    assert main(["--weights", str(weights), "--phantoms", "1", "--films", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "compare no pairs" in said and "studies.csv" in said and str(tmp_path) not in said


def test_still_pairs_show_one_film_twice_in_different_ways():
    (sample,) = random_samples(1)
    smooth = np.tile(np.linspace(0, 255, 256).astype(np.uint8), (256, 1))
    sample.pixels[0] = smooth
    sets = still_sets([sample])
    assert len(sets) > 1
    for name, pairs in sets.items():
        (pair,) = pairs
        assert pair.prior.shape == pair.current.shape and (pair.now == pair.before).all()
        assert np.array_equal(pair.current, pair.prior) == (name == "the same file")


def test_the_wrong_prior_is_another_patients():
    pairs = list(phantom_pairs(3, 5))
    wrong = wrong_patient(pairs)
    assert pairs
    assert all(not np.array_equal(w.prior, p.prior) for w, p in zip(wrong, pairs, strict=True))
    assert all(not w.known.any() and np.array_equal(w.current, p.current) for w, p in zip(wrong, pairs, strict=True))


def test_peers_say_what_their_names_promise(weights):
    pairs = random_pairs(5)
    pairs.now[:], pairs.before[:] = 2.0, -2.0
    joint, change = alone(pairs)
    assert (joint == 1).all() and (change == 0).all()
    joint, change = majority(pairs)
    assert ((joint == 3) == (pairs.joint.numpy() == 3)).all() and set(np.unique(change)) <= {2, 5}


def test_evidence_is_measured_alone_on_a_split_beside_what_chance_hits(weights, tmp_path, capsys):
    films = tmp_path / "films"
    (films / "images").mkdir(parents=True)
    rows = ["a,6,Mass:0:0:1:1|Cardiomegaly:0.5:0:0.5:1", "b,11,Mass:0:0:0.5:1"]  # of val, held out
    (films / "labels.csv").write_text("\n".join(["id,patient,boxes", *rows]) + "\n")
    for name in "ab":
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)).save(
            films / "images" / f"{name}.jpg"
        )
    line = ["--weights", str(weights), "--followups", str(films), "--out", str(tmp_path)]
    assert main([*line, "--evidence", "val"]) == 0 and "### Evidence: val" in capsys.readouterr().out
    found = {row["row"]: row for row in read_rows(tmp_path / "evidence.csv")}
    assert set(found) == {"cardiomegaly", "lung lesion", "all", "mean of the findings"}
    assert (found["lung lesion"]["pointing"], found["lung lesion"]["chance"]) == ("1.0", "1.0")
    assert float(found["mean of the findings"]["chance"]) == 0.75 and found["mean of the findings"]["n"] == "2"
    assert main([*line, "--evidence", "held out"]) == 0
    assert {row["row"] for row in read_rows(tmp_path / "evidence.csv")} == {
        "lung lesion",
        "all",
        "mean of the findings",
    }


def test_boxes_of_one_finding_come_together():
    found = dict(_boxes("Mass:0.1:0.2:0.3:0.4|Infiltrate:0:0:1:1|Nodule:0.5:0.5:0.1:0.1"))
    assert found[FINDINGS.index("lung lesion")] == [(0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 0.1, 0.1)]
    assert found[FINDINGS.index("lung opacity")] == [(0, 0, 1, 1)]
