import numpy as np
import pytest
import torch

from cxrreport.model.views import ViewClassifier
from cxrreport.records import View


@pytest.fixture()
def classifier(monkeypatch):
    """A classifier that says what the test wants."""
    model = ViewClassifier().eval()

    def saying(*probabilities):
        monkeypatch.setattr(model, "forward", lambda films: torch.tensor([probabilities]).log().repeat(len(films), 1))
        return model

    return saying


FILM = np.zeros((256, 256), np.uint8)


@pytest.mark.parametrize(
    ("probabilities", "view"),
    [
        ((0.004, 0.002, 0.994), View.FRONTAL),
        ((0.002, 0.004, 0.994), View.LATERAL),
        ((0.002, 0.001, 0.997), View.OTHER),
        ((0.6, 0.3, 0.1), View.FRONTAL),
    ],
)
def test_other_only_when_sure(classifier, probabilities, view):
    (guess,) = classifier(*probabilities).guess([FILM])
    assert guess.view == view and guess.source == "pixels"
    expected = max(probabilities) if view == View.OTHER else max(probabilities[:2])
    assert guess.probability == pytest.approx(expected, rel=1e-4)


def test_the_network_itself_gives_one_guess_a_film():
    torch.manual_seed(0)
    films = list(np.random.default_rng(0).integers(0, 256, (3, 256, 256), dtype=np.uint8))
    model = ViewClassifier().eval()
    guesses = model.guess(films)
    assert len(guesses) == 3 and all(0 <= g.probability <= 1 for g in guesses)
    assert guesses == model.guess(films)
