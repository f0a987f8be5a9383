"""Runs of training on noise."""

import json
from pathlib import Path

from builders.network import random_samples, tiny_weights
from cxrreport.model.weights import save_weights
from cxrreport.training.options import TrainOptions
from cxrreport.training.recipe import Recipe

SPLITS = {
    "train": random_samples(12, 1, "train"),
    "val": random_samples(6, 2, "val"),
    "test": random_samples(4, 3, "test"),
}


def train_options(out, **changes):
    """Options of a run on a dataset "noise"; what is a key of recipes goes into the recipe, of a tiny network."""
    recipe = {name: changes.pop(name) for name in [*changes] if name in Recipe.model_fields}
    recipe = Recipe(**{"size": "tiny", **recipe})
    run = {"dataset": "noise", "directory": Path("/nowhere"), "out": out, "device": "cpu"}
    return TrainOptions(**{**run, **changes}, recipe=recipe)


def told_lines(out, stage=None):
    """What a run has told in its file of metrics; of one stage alone."""
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return found if stage is None else [line for line in found if line["stage"] == stage]


def read_noise(directory, split):
    """A reader of the dataset."""
    return list(SPLITS[split])


def start_weights(folder, **card):
    """Weights to start from."""
    made = tiny_weights()
    save_weights(folder, made.network, made.views, made.tokenizer, {"config": "tiny", **card})
    return folder
