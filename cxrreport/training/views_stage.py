"""Training of the view classifier: labelled chest images against legs, crops and pictures that are no chest image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from cxrreport.datasets.augment import augment
from cxrreport.datasets.sample import Sample
from cxrreport.imaging.preprocess import preprocess
from cxrreport.model.views import CLASSES, ViewClassifier
from cxrreport.phantoms.leg import draw_leg
from cxrreport.records import SIDE, View
from cxrreport.training.descent import Descent
from cxrreport.training.encoder_stage import shuffled

_BATCH = 64


def labelled_images(samples: Sequence[Sample], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Images (n, 256, 256) uint8 and classes (n,): every frontal and lateral of the samples, and as many others as samples."""
    images: list[npt.NDArray[np.uint8]] = []
    classes: list[int] = []
    for sample in samples:
        for view, pixels, present in zip((View.FRONTAL, View.LATERAL), sample.pixels, sample.present, strict=True):
            if present:
                images.append(pixels)
                classes.append(CLASSES.index(view))
    others = [_other(samples[int(i)].pixels[0], rng) for i in rng.permutation(len(samples))]
    images += others
    classes += [CLASSES.index(View.OTHER)] * len(others)
    return torch.from_numpy(np.stack(images)), torch.tensor(classes)


def _other(pixels: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Something that is no whole chest: a leg, a magnified crop, bands of bone, or plain noise."""
    kind = rng.integers(4)
    if kind == 0:
        return preprocess(draw_leg(int(rng.integers(1 << 30)), side=SIDE))
    if kind == 1:
        return _noise(rng)
    size = int(rng.integers(50, 110))
    top, left = rng.integers(0, SIDE - size, 2)
    crop = pixels[top : top + size, left : left + size].astype(np.float32)
    turned = np.ascontiguousarray(np.rot90(crop, int(rng.integers(4))))
    return preprocess(turned + rng.normal(0, 0.01, turned.shape).astype(np.float32))


def _noise(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    cells = int(rng.choice([4, 8, 16, 32, 64]))
    blocks = rng.normal(size=(cells, cells)).astype(np.float32)
    return preprocess(np.kron(blocks, np.ones((SIDE // cells, SIDE // cells), np.float32)))


def train_views(
    samples: Sequence[Sample], epochs: int, generator: torch.Generator, device: str
) -> tuple[ViewClassifier, dict[str, float]]:
    """Train on samples; returns the classifier and its mean losses by epoch."""
    images, classes = labelled_images(samples, np.random.default_rng(generator.initial_seed()))
    model = ViewClassifier().to(device)
    groups = [{"params": [*model.parameters()], "lr": 2e-3, "weight_decay": 0.01}]
    descent = Descent(groups, epochs * (len(images) // _BATCH + 1))
    losses = {}
    for epoch in range(epochs):
        model.train()
        total = []
        for rows in shuffled(len(images), _BATCH, generator):
            loss = F.cross_entropy(model(augment(images[rows], 128, generator).to(device)), classes[rows].to(device))
            descent.step(loss)
            total.append(loss.item())
        losses[f"views_loss_{epoch + 1}"] = float(np.mean(total))
    return model.eval(), losses


def view_accuracy(model: ViewClassifier, samples: Sequence[Sample], seed: int) -> dict[str, float]:
    """Share of right answers for each class on samples that were not trained on."""
    images, classes = labelled_images(samples, np.random.default_rng(seed))
    guesses = [guess for part in images.split(256) for guess in model.guess(list(part.numpy()))]
    right = np.array([CLASSES[c] == g.view for c, g in zip(classes.tolist(), guesses, strict=True)])
    named = {f"view_accuracy_{view.value}": right[classes.numpy() == i] for i, view in enumerate(CLASSES)}
    return {name: float(answers.mean()) for name, answers in named.items() if len(answers)}
