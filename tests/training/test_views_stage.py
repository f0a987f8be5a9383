from dataclasses import replace

import numpy as np
import torch
from builders.network import random_samples

from cxrreport.model.views import CLASSES, ViewClassifier
from cxrreport.records import View
from cxrreport.training.views_stage import labelled_images, train_views, view_accuracy


def test_every_film_that_is_there_and_as_many_others_as_samples():
    samples = random_samples(8)  # two of them without a lateral
    films, classes = labelled_images(samples, np.random.default_rng(0))
    assert films.shape == (8 + 6 + 8, 256, 256) and films.dtype == torch.uint8
    assert torch.bincount(classes).tolist() == [8, 6, 8]
    again, _ = labelled_images(samples, np.random.default_rng(0))
    assert torch.equal(films, again)


def _easy(count):
    """Frontal films bright above, lateral films bright below."""
    samples = random_samples(count)
    for sample in samples:
        sample.pixels[:] = 20
        sample.pixels[0, :128], sample.pixels[1, 128:] = 220, 220
        sample.present[:] = True
    return samples


def test_training_learns_what_is_easy():
    torch.manual_seed(0)
    model, losses = train_views(_easy(20), 8, torch.Generator().manual_seed(0), "cpu")
    assert isinstance(model, ViewClassifier) and not model.training
    assert list(losses) == [f"views_loss_{i}" for i in range(1, 9)]
    assert losses["views_loss_8"] < 0.5 * losses["views_loss_1"]
    scores = view_accuracy(model, _easy(6), 1)
    assert scores["view_accuracy_frontal"] == scores["view_accuracy_lateral"] == 1


def test_accuracy_counts_each_class_alone(monkeypatch):
    model = ViewClassifier().eval()
    monkeypatch.setattr(model, "forward", lambda films: torch.tensor([[5.0, 0, 0]]).repeat(len(films), 1))
    scores = view_accuracy(model, random_samples(5), 0)
    assert scores == {"view_accuracy_frontal": 1.0, "view_accuracy_lateral": 0.0, "view_accuracy_other": 0.0}
    assert CLASSES[0] is View.FRONTAL


def test_a_view_that_is_not_there_has_no_accuracy():
    samples = [replace(sample, present=np.array([True, False])) for sample in random_samples(4)]
    scores = view_accuracy(ViewClassifier().eval(), samples, 0)
    assert set(scores) == {"view_accuracy_frontal", "view_accuracy_other"}
