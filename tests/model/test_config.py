import json
from pathlib import Path

import pytest
from transformers import PretrainedConfig

from cxrreport.model.ablations import ABLATIONS, ablate, change
from cxrreport.model.config import SIZES, DiffRGenNetConfig, base, tiny


@pytest.mark.parametrize("size", SIZES)
def test_shipped_sizes_are_the_papers_network(size):
    config = SIZES[size](60)
    assert config.masks_per_layer == (2, 4) and config.fam_attention == "dra" and config.anchor == "peak"
    assert config.feature_difference and config.diff_content and set(config.metrics) == {"l2", "cos", "dot"}
    assert config.reports_in_memory and config.reports_in_classifier and not config.binarize
    assert config.scl and not config.fcc_weight


def test_base_is_resnet_101_and_bert_base():
    config = base(30_527)
    assert config.encoder["depths"] == [3, 4, 23, 3] and config.encoder["layer_type"] == "bottleneck"
    assert (config.decoder["num_hidden_layers"], config.decoder_width) == (12, 768)
    assert (config.d_model, config.heads, config.ffn, config.retrieved, config.d_retrieval) == (512, 8, 2048, 21, 512)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"fam_attention": "lstm"}, "fam_attention"),
        ({"anchor": "middle"}, "anchor"),
        ({"metrics": ()}, "metrics"),
        ({"metrics": ("l2", "manhattan")}, "metrics"),
        ({"masks_per_layer": ()}, "masks_per_layer"),
        ({"masks_per_layer": (2, 0)}, "masks_per_layer"),
        ({"masks_per_layer": (8,)}, "masks_per_layer"),  # order 7 needs a grid of 8
        ({"fcc_weight": -0.5}, "negative"),
        ({"fam_attention": "concat", "fcc_weight": 0.5}, "concat"),
        ({"reports_in_memory": False}, "PromptMRG"),
        ({"reports_in_classifier": False}, "classifier"),
        ({"thresholds": [0.5] * 13}, "thresholds must .* 14"),
        ({"thresholds": []}, "thresholds must .* 14"),
        ({"thresholds": [0.5] * 13 + [1.01]}, "thresholds"),
        ({"thresholds": [float("nan")] * 14}, "thresholds"),
        ({"label_prior": [1.0] * 15}, "label_prior must .* 14"),
        ({"label_prior": []}, "label_prior must .* 14"),
        ({"label_prior": [1.0] * 13 + [0.0]}, "label_prior"),
        ({"depth_of_field": 3}, "no depth_of_field"),
        ({"grid": 14}, "grid must be 7"),
        ({"loss_weights": [1.0, 4.0, 0.0]}, "loss_weights must be"),
    ],
)
def test_what_describes_no_network_is_refused(changes, word):
    with pytest.raises(ValueError, match=word):
        DiffRGenNetConfig(**changes)


def test_windows_may_be_as_wide_as_the_grid_allows():
    assert DiffRGenNetConfig(masks_per_layer=(7,)).masks_per_layer == (7,)


@pytest.mark.parametrize("name", [*ABLATIONS, None])
def test_every_configuration_survives_json(name, tmp_path):
    config = ablate(tiny(60), name) if name else tiny(60)
    config.save_pretrained(tmp_path)
    back = DiffRGenNetConfig.from_pretrained(tmp_path)
    again = DiffRGenNetConfig(**json.loads((tmp_path / "config.json").read_text()))
    assert back.to_dict() == again.to_dict() == config.to_dict()


def test_every_field_is_set_by_a_size_an_ablation_a_recipe_or_the_shipped_weights():
    """A field that all of them leave alone would be an option of nobody."""
    plain = DiffRGenNetConfig().to_dict()
    shipped = json.loads((Path(__file__).parents[2] / "weights/config.json").read_text())
    made = [
        *(make(60).to_dict() for make in SIZES.values()),
        *(ablate(DiffRGenNetConfig(), name).to_dict() for name in ABLATIONS),
        DiffRGenNetConfig(**shipped).to_dict(),
        {**plain, "reads_indication": not plain["reads_indication"]},  # by `indication` of a recipe
        {**plain, "localises": not plain["localises"]},  # by any that trains the encoder
    ]
    own = plain.keys() - PretrainedConfig().to_dict().keys()
    assert [name for name in own if all(found[name] == plain[name] for found in made)] == []


def test_keys_of_older_files_load_while_they_hold_what_is_built():
    old = {
        "grid": 7, "dropout": 0.1, "max_report_tokens": 128, "loss_weights": [1.0, 4.0, 0.1], "scl_queue": 256,
        "fcc_paper": False,
    }  # fmt: skip
    assert DiffRGenNetConfig(**old).to_dict() == DiffRGenNetConfig().to_dict()


def test_changes_leave_the_original_alone():
    config = tiny(60)
    found = change(config, metrics=("l2",))
    found.encoder["depths"].append(3)
    assert config.metrics == ("l2", "cos", "dot") and config.encoder["depths"] == [1, 1]
    assert (found.metrics, found.d_model, found.decoder) == (("l2",), config.d_model, config.decoder)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no depth_of_field"):
        change(tiny(60), depth_of_field=3)
    with pytest.raises(ValueError, match="An ablation is one of"):
        ablate(tiny(60), "without-anything")
