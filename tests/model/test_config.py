import json

import pytest

from cxrreport.model.config import SIZES, DiffRGenNetConfig, base, mini, tiny


@pytest.mark.parametrize("size", SIZES)
def test_shipped_sizes_are_the_papers_network(size):
    config = SIZES[size](60)
    assert config.fam_attention == "dra" and config.masks_per_layer == (2, 4) and config.anchor == "peak"
    assert config.feature_difference and config.diff_content and set(config.metrics) == {"l2", "cos", "dot"}
    assert config.reports_in_memory and config.reports_in_classifier and not config.binarize
    assert config.uses_scl and config.scl_queue == 256 and not config.uses_fcc
    assert config.loss_weights == (1.0, 4.0, 0.1)


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
        ({"scl_queue": -1}, "negative"),
        ({"fcc_weight": -0.5}, "negative"),
        ({"loss_weights": (1, 4, -0.1)}, "negative"),
        ({"fam_attention": "concat", "fcc_weight": 0.5}, "concat"),
        ({"thresholds": [0.5] * 13}, "thresholds must .* 14"),
        ({"thresholds": []}, "thresholds must .* 14"),
        ({"thresholds": [0.5] * 13 + [1.01]}, "thresholds"),
        ({"thresholds": [float("nan")] * 14}, "thresholds"),
        ({"label_prior": [1.0] * 15}, "label_prior must .* 14"),
        ({"label_prior": []}, "label_prior must .* 14"),
        ({"label_prior": [1.0] * 13 + [0.0]}, "label_prior"),
    ],
)
def test_what_describes_no_network_is_refused(changes, word):
    with pytest.raises(ValueError, match=word):
        DiffRGenNetConfig(**changes)


def test_windows_may_be_as_wide_as_the_grid_allows():
    assert DiffRGenNetConfig(masks_per_layer=(7,)).masks_per_layer == (7,)


@pytest.mark.parametrize(
    ("changes", "scl", "similar", "different"),
    [
        ({}, True, True, True),
        ({"scl": False}, False, True, True),
        ({"loss_weights": (1, 4, 0)}, False, True, True),
        ({"reports_in_memory": False}, True, True, True),
        ({"reports_in_memory": False, "scl": False}, False, True, False),
        ({"reports_in_memory": False, "scl": False, "reports_in_classifier": False}, False, False, False),
        ({"reports_in_classifier": False}, True, True, True),
    ],
)
def test_a_branch_is_used_when_something_reads_it(changes, scl, similar, different):
    config = DiffRGenNetConfig(**changes)
    assert (config.uses_scl, config.uses_similar, config.uses_different) == (scl, similar, different)


def test_consistency_alone_reads_the_similar_branch():
    config = DiffRGenNetConfig(reports_in_memory=False, reports_in_classifier=False, scl=False, fcc_weight=0.5)
    assert config.uses_similar and not config.uses_different


def test_options_survive_json(tmp_path):
    config = tiny(60)
    changed = {
        "fam_attention": "trar", "masks_per_layer": (2, 4, 4), "anchor": "cyclic", "binarize": True, "metrics": ("l2",),
        "feature_difference": False, "reports_in_memory": False, "reports_in_classifier": False, "scl": False,
        "scl_queue": 8, "fcc_weight": 0.5, "fcc_paper": True,
    }  # fmt: skip
    for name, value in changed.items():
        setattr(config, name, value)
    config.save_pretrained(tmp_path)
    back = DiffRGenNetConfig.from_pretrained(tmp_path)
    again = DiffRGenNetConfig(**json.loads((tmp_path / "config.json").read_text()))
    for found in (back, again):
        assert {name: getattr(found, name) for name in changed} == changed


def test_a_configuration_from_before_the_options_is_the_papers():
    """Weights that were saved without them load unchanged."""
    written = json.loads(mini(60).to_json_string(use_diff=True))
    new = ("fam_attention", "binarize", "feature_difference", "reports_in_memory", "reports_in_classifier", "scl")
    old = {name: value for name, value in written.items() if name not in (*new, "scl_queue", "fcc_weight", "fcc_paper")}
    assert len(old) == len(written) - len(new) - 3
    assert DiffRGenNetConfig(**old).to_dict() == mini(60).to_dict()
