"""The straight line that real follow-ups are read by: it finds what lies on a line, and its bound comes from validation."""

import csv

import numpy as np
import pytest
from builders.network import tiny_weights
from PIL import Image

from benchmarks import straight_line
from benchmarks.straight_line import PENALTIES, Told, areas, choose, fit, rows
from cxrreport.evaluation.followups import KINDS, FollowedUp
from cxrreport.model.weights import save_weights

COLUMNS = 13


def told(count: int, seed: int, noise: float = 0.3) -> Told:
    """New is what the first film's feature lacks and the second has; of the last finding nothing is known."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 2 * COLUMNS))
    rise = features[:, :COLUMNS] - features[:, COLUMNS:] + rng.normal(0, noise, (count, COLUMNS))
    known = np.ones((count, COLUMNS), bool)
    known[:, -1] = False
    return Told(features, np.where(rise > 2, KINDS["new"], np.where(rise < -2, KINDS["resolved"], 0)), known)


def followed(one: Told) -> FollowedUp:
    nothing = np.zeros(one.joint.shape)
    return FollowedUp(one.joint, one.known, nothing, nothing, np.array([str(i) for i in range(len(one.joint))]))


def test_a_line_finds_what_lies_on_one_and_is_told_the_same_again():
    train, val = told(600, 1), told(300, 2)
    penalty, line = choose(train, val)
    assert penalty in PENALTIES
    assert min(areas(val, line.scores(val.features)).values()) > 0.95
    again = fit(train, penalty)
    assert np.array_equal(again.weight, line.weight) and np.array_equal(again.offset, line.offset)


def test_what_is_not_known_is_neither_learnt_nor_counted():
    train, other = told(300, 3), told(300, 3)
    other.joint[:, -1] = KINDS["new"]
    assert np.array_equal(fit(train, 0.1).weight, fit(other, 0.1).weight)
    assert areas(train, fit(train, 0.1).scores(train.features)) == areas(other, fit(train, 0.1).scores(other.features))


def test_a_strong_penalty_flattens_the_line():
    train = told(300, 4)
    weights = [np.abs(fit(train, penalty).weight).mean() for penalty in (0.01, 3.0)]
    assert weights[0] > 3 * weights[1]


def test_the_bound_is_that_of_validation_whatever_is_asked_of():
    val, asked = told(300, 5), told(300, 6)
    line = fit(told(600, 7), 0.01)
    of_val, of_asked = line.scores(val.features), line.scores(asked.features)
    found = rows(followed(val), followed(asked), of_val, of_asked)
    assert all(row["f1"] > 0.65 for row in found.values())
    for kind in KINDS:
        moved = {**of_asked, kind: of_asked[kind] - 100}
        row = rows(followed(val), followed(asked), of_val, moved)[kind]
        assert row["said"] == 0 and row["f1"] == 0 and row["auc"] == pytest.approx(found[kind]["auc"])


def test_it_reads_a_directory_of_films(tmp_path, capsys, monkeypatch):
    rng, patients = np.random.default_rng(8), range(1, 60)
    (tmp_path / "images").mkdir()
    films, pairs = [], []
    for patient in patients:
        names = [f"{patient:08}_{i:03}" for i in range(2)]
        labels = ["Effusion|Edema", "No Finding"] if patient % 2 else ["No Finding", "Effusion|Edema"]
        for name, label in zip(names, labels, strict=True):
            Image.fromarray(rng.integers(0, 255, (64, 64), np.uint8)).save(tmp_path / "images" / f"{name}.jpg")
            films.append({"id": name, "patient": patient, "labels": label, "view": "PA", "sex": "F", "age": 50})
        pairs.append(
            dict(zip(("id_prev", "id_curr", "labels_prev", "labels_curr"), [*names, *labels], strict=True))
            | {"patient": patient}
        )
    for name, table in (("labels", films), ("pairs", pairs)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, table[0])
            writer.writeheader()
            writer.writerows(table)
    made = tiny_weights()
    save_weights(tmp_path / "weights", made.network, made.views, made.tokenizer, {})
    monkeypatch.setattr(straight_line, "compare_follow_ups", lambda _, of, *__: list(of))
    monkeypatch.setattr(straight_line, "shares_of", lambda of: dict.fromkeys(KINDS, np.zeros((len(of), COLUMNS))))
    monkeypatch.setattr(straight_line, "followed_up", _alone)
    line = ["--nih", tmp_path, "--weights", tmp_path / "weights", "--limit", "9", "--split", "test"]
    straight_line.main([str(word) for word in line])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(("3", "4")) and "follow-ups learnt from, L2 " in printed[0]
    assert [row[:9].strip() for row in printed[1:]] == ["new", "resolved"] * 3
    assert all("f1 " in row and "auc " in row for row in printed[1:])


def _alone(pairs, _) -> FollowedUp:
    now, before, known = (np.stack([getattr(p, name)[:COLUMNS] for p in pairs]) for name in ("now", "before", "known"))
    nothing = np.zeros(now.shape)
    return FollowedUp(now + 2 * before.astype(np.int64), known, nothing, nothing, np.array([p.patient for p in pairs]))
