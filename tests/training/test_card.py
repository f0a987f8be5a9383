import shutil
import subprocess
from pathlib import Path

import pytest
from builders.network import random_samples

import cxrreport.training.card as module
from cxrreport.training.card import commit, make_card
from cxrreport.training.options import TrainOptions
from cxrreport.training.recipe import Recipe

GIT = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


def test_data_counts_studies_and_phantoms_apart():
    samples = [*random_samples(3), *random_samples(2, name="phantom-1")]
    card = make_card(
        TrainOptions("iu-xray", Path("d"), Path("o"), Recipe(phantoms=2)), samples, "dice", {"selection": 0.5}
    )
    assert card["data"] == "iu-xray train split, 3 studies; 2 phantoms; started from dice"
    assert card["metrics"] == {"split": "val", "selection": 0.5} and card["name"] == "mini-iu-xray"
    assert Recipe(**card["recipe"]) == Recipe(phantoms=2)


@pytest.fixture()
def installed(tmp_path, monkeypatch):
    """The package inside a checkout that does not track it, as `.venv` is."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "README").write_text("another project\n")
    (tmp_path / "card.py").write_text("")
    _commit(tmp_path, "README")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "card.py"))
    return tmp_path


def _commit(folder, name):
    subprocess.run(["git", "-C", str(folder), "add", name], check=True)
    subprocess.run(["git", "-C", str(folder), *GIT, "commit", "-qm", name], check=True)


def test_only_a_checkout_that_tracks_the_package_names_its_commit(installed):
    assert commit() == ""
    _commit(installed, "card.py")
    assert len(commit()) == 40


def test_training_needs_no_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert commit() == ""
