"""The labelled images without reports that a run learns from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders.network import random_films
from builders.training import train_options

from cxrreport.datasets.nih import IMAGE_READERS
from cxrreport.errors import UsageError
from cxrreport.training.images import read_images, remember_images


@pytest.fixture
def splits(monkeypatch):
    """Seven films to learn from and three of validation, of a collection "noise"."""
    made = random_films(10, positive=None, known=None, seed=4)
    found = {"train": made[:7], "val": made[7:]}
    monkeypatch.setitem(IMAGE_READERS, "noise", lambda directory, split: iter(found[split]))
    return found


def options(out, **changes):
    return train_options(out, films="noise", films_directory=Path("/nowhere"), **changes)


def begin(out):
    remember_images(out, *read_images(options(out)))


@pytest.mark.parametrize(("limit", "counts"), [(None, (7, 3)), (4, (4, 3))])
def test_a_limit_is_of_each_split(tmp_path, splits, limit, counts):
    train, val = read_images(options(tmp_path, limit=limit))
    assert (len(train), len(val)) == counts and train == splits["train"][: counts[0]]


def test_where_neither_encoder_nor_network_learns_none_is_read(tmp_path, splits):
    alone = {"encoder_rounds": [], "towers_epochs": 0, "network_epochs": 0}
    assert read_images(options(tmp_path, init=Path("weights"), pair_epochs=1, **alone)) == ([], [])


def test_films_without_any_to_learn_from_are_refused(tmp_path, splits):
    splits["train"] = []
    with pytest.raises(UsageError, match="no labelled film to learn from"):
        read_images(options(tmp_path))


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_run_does_not_go_on_with_other_films(tmp_path, splits, split):
    begin(tmp_path)
    assert len(read_images(options(tmp_path))[0]) == 7  # the same go on
    last = splits[split].pop()
    with pytest.raises(UsageError, match="changed or are gone"):
        read_images(options(tmp_path))
    splits[split].append(replace(last, positive=~last.positive))
    with pytest.raises(UsageError, match="changed or are gone"):
        read_images(options(tmp_path))


def test_what_is_kept_names_nobody(tmp_path, splits):
    begin(tmp_path)
    assert {len(digest) for digest in json.loads((tmp_path / "films.json").read_text()).values()} == {64}


def test_a_damaged_file_is_refused(tmp_path, splits):
    begin(tmp_path)
    (tmp_path / "films.json").write_text("{")
    with pytest.raises(UsageError, match=r"films\.json of the run directory is damaged"):
        read_images(options(tmp_path))
