import json
from pathlib import Path

import pytest
from builders.network import tiny_weights, write_bert
from builders.resnet import tiny_state
from builders.training import start_weights, train_options
from safetensors.torch import save_file

from cxrreport.errors import UsageError, WeightsError
from cxrreport.model.weights import save_weights
from cxrreport.training.options import check_options, choose_recipe, remember_options
from cxrreport.training.recipe import Recipe, Round


def _options(out, **changes):
    return train_options(out, **{"dataset": "iu-xray", "directory": Path("data"), "size": "mini", **changes})


def begin(options):
    """As a run does: compare with what is kept, then keep."""
    remember_options(options.out, check_options(options))


def test_the_same_options_go_on(tmp_path):
    for _ in range(2):
        begin(_options(tmp_path / "run"))


def test_what_changes_nothing_that_is_learned_may_differ(tmp_path):
    begin(_options(tmp_path))
    same = {"device": "cuda", "licence": "other", "command": "again", "checkpoint_minutes": 1.0}
    begin(_options(tmp_path, directory=Path("data").resolve(), **same))


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "other"}, {"directory": Path("elsewhere")}, {"size": "base"}, {"copies": 2},
        {"phantoms": 1}, {"encoder_rounds": [Round()]}, {"towers_epochs": 1}, {"network_epochs": 1}, {"view_epochs": 1},
        {"batch": 2}, {"limit": 9}, {"seed": 1}, {"films": "nih"}, {"films_directory": Path("elsewhere")}, {"towers_lr": 1e-4},
    ],
)  # fmt: skip
def test_another_option_is_refused_by_name(tmp_path, changes):
    begin(_options(tmp_path))
    with pytest.raises(UsageError, match=next(iter(changes))) as caught:
        begin(_options(tmp_path, **changes))
    assert caught.value.exit_code == 2 and "elsewhere" not in caught.value.message


@pytest.fixture()
def places(tmp_path):
    """What a run may start from."""
    start_weights(tmp_path / "weights")
    save_file(tiny_state(), tmp_path / "encoder.safetensors")
    bert = write_bert(tmp_path / "bert")
    return {"init": tmp_path / "weights", "encoder_weights": tmp_path / "encoder.safetensors", "bert": bert}


def _change(place):
    """Another content at the same place."""
    if place.name == "weights":
        made = tiny_weights(1)
        save_weights(place, made.network, made.views, made.tokenizer, {})
    elif place.name == "bert":
        write_bert(place, seed=6)
    else:
        save_file(tiny_state(1), place)


@pytest.mark.parametrize("name", ["init", "encoder_weights", "bert"])
def test_another_start_is_refused_by_name_and_the_same_elsewhere_is_not(tmp_path, places, name):
    out, place = tmp_path / "run", places[name]
    begin(_options(out, **{name: place}))
    moved = place.rename(tmp_path / f"moved-{place.name}")
    begin(_options(out, **{name: moved}))
    _change(moved.rename(place))
    with pytest.raises(UsageError, match=f"begun with another {name}"):
        begin(_options(out, **{name: place}))
    with pytest.raises(UsageError, match=name):
        begin(_options(out))


def test_another_vocabulary_of_a_bert_is_another_start(tmp_path, places):
    begin(_options(tmp_path / "run", bert=places["bert"]))
    with (places["bert"] / "vocab.txt").open("a") as file:
        file.write("##more\n")
    with pytest.raises(UsageError, match="another bert"):
        begin(_options(tmp_path / "run", bert=places["bert"]))


@pytest.mark.parametrize("name", ["init", "encoder_weights", "bert"])
def test_a_start_that_is_not_there_begins_no_run(tmp_path, name):
    with pytest.raises(WeightsError) as caught:
        begin(_options(tmp_path / "run", **{name: tmp_path / "none"}))
    assert str(tmp_path) not in caught.value.message and not (tmp_path / "run").exists()


def test_runs_of_earlier_versions_are_refused(tmp_path, places):
    """They named the place of their start, and had another vocabulary where they had none."""
    old = {"dataset": "iu-xray", "size": "mini", "init": None}
    for begun, options in ((old, {}), ({**old, "init": str(places["init"])}, {"init": places["init"]})):
        (tmp_path / "options.json").write_text(json.dumps(begun))
        with pytest.raises(UsageError, match="init" if options else "vocabulary"):
            begin(_options(tmp_path, **options))


@pytest.mark.parametrize("name", ["encoder_weights", "bert"])
def test_whole_weights_and_parts_of_others_do_not_go_together(tmp_path, name):
    with pytest.raises(UsageError, match="--encoder-weights and --bert") as caught:
        _options(tmp_path, init=Path("weights"), **{name: Path("part")})
    assert caught.value.exit_code == 2


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "options.json").write_text('{"seed"')
    with pytest.raises(UsageError, match="damaged"):
        begin(_options(tmp_path))


@pytest.mark.parametrize("part", ["network_epochs", "view_epochs"])
def test_a_part_without_epochs_needs_weights_to_start_from(tmp_path, part):
    with pytest.raises(UsageError, match=r"^Without --init there must be") as caught:
        _options(tmp_path, **{part: 0})
    assert caught.value.exit_code == 2
    assert _options(tmp_path, init=Path("weights"), **{part: 0}).init


def test_a_new_encoder_needs_new_towers(tmp_path):
    with pytest.raises(UsageError, match="towers_epochs beside encoder_rounds"):
        _options(tmp_path, init=Path("weights"), towers_epochs=0)
    kept = _options(tmp_path, init=Path("weights"), encoder_rounds=[], towers_epochs=0).recipe
    assert kept.trains_network and not kept.encoder_rounds


def test_indications_are_learnt_with_the_network(tmp_path):
    with pytest.raises(UsageError, match="network_epochs"):
        _options(tmp_path, init=Path("weights"), network_epochs=0, indication=True)
    assert _options(tmp_path, init=Path("weights"), indication=True).recipe.indication


def test_the_recipe_is_that_of_the_size_of_the_weights_to_start_from(tmp_path):
    assert choose_recipe(None, None) == Recipe() and choose_recipe("base", None).size == "base"
    weights = start_weights(tmp_path / "weights")
    assert (
        choose_recipe(None, weights) == choose_recipe("tiny", weights) and choose_recipe(None, weights).size == "tiny"
    )
    with pytest.raises(UsageError, match="of size tiny, and the recipe is for base"):
        choose_recipe("base", weights)


def test_an_ablation_needs_a_network_of_its_own(tmp_path):
    assert _options(tmp_path, ablation="trar").recipe.ablation == "trar"
    with pytest.raises(UsageError, match="--init"):
        _options(tmp_path, ablation="trar", init=tmp_path)
