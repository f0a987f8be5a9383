import json
import shutil
from pathlib import Path

import pytest

from cxrreport.errors import UsageError
from cxrreport.model.weights import read_manifest
from cxrreport.training.options import TrainOptions, check_ablation, remember_options, resolve_size


def _options(out, **changes):
    return TrainOptions(**{"dataset": "iu-xray", "directory": Path("data"), "out": out, **changes})


def test_the_same_options_go_on(tmp_path):
    for _ in range(2):
        remember_options(_options(tmp_path / "run"))


def test_what_changes_nothing_that_is_learned_may_differ(tmp_path):
    remember_options(_options(tmp_path))
    remember_options(
        _options(
            tmp_path,
            device="cuda",
            licence="other",
            command="again",
            directory=Path("data").resolve(),
            checkpoint_minutes=1,
        )
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "other"}, {"directory": Path("elsewhere")}, {"size": "base"}, {"init": Path("weights")},
        {"phantoms": 1}, {"encoder_epochs": 1}, {"network_epochs": 1}, {"view_epochs": 1}, {"batch": 2}, {"limit": 9},
        {"seed": 1}, {"films": "nih"}, {"films_directory": Path("elsewhere")}, {"encoder_lr": 1e-4},
    ],
)  # fmt: skip
def test_another_option_is_refused_by_name(tmp_path, changes):
    remember_options(_options(tmp_path))
    with pytest.raises(UsageError, match=next(iter(changes))) as caught:
        remember_options(_options(tmp_path, **changes))
    assert caught.value.exit_code == 2 and "elsewhere" not in caught.value.message


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "options.json").write_text('{"seed"')
    with pytest.raises(UsageError, match="damaged"):
        remember_options(_options(tmp_path))


@pytest.mark.parametrize("part", ["network_epochs", "view_epochs"])
def test_a_part_without_epochs_needs_weights_to_start_from(tmp_path, part):
    with pytest.raises(UsageError, match=r"^Without --init there must be") as caught:
        _options(tmp_path, **{part: 0})
    assert caught.value.exit_code == 2
    assert _options(tmp_path, init=Path("weights"), **{part: 0}).init


def test_the_size_is_that_of_the_weights_to_start_from(weights):
    known = read_manifest(weights).get("config")
    assert resolve_size(None, None) == "mini" and resolve_size("base", None) == "base"
    assert resolve_size(None, weights) == (known or "mini")


def test_another_size_than_that_of_the_weights_is_refused(tmp_path, weights):
    shutil.copytree(weights, tmp_path / "weights")
    manifest = tmp_path / "weights" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "config": "tiny"}))
    assert resolve_size("tiny", manifest.parent) == "tiny" == resolve_size(None, manifest.parent)
    with pytest.raises(UsageError, match="of size tiny, not base"):
        resolve_size("base", manifest.parent)


def test_ablations_are_known_and_need_a_network_of_their_own(tmp_path):
    check_ablation(None, tmp_path)
    check_ablation("promptmrg", None)
    with pytest.raises(UsageError, match="without-difference"):
        check_ablation("without-everything", None)
    with pytest.raises(UsageError, match="--init"):
        check_ablation("trar", tmp_path)
