import pytest
import torch

from cxrreport.datasets.augment import augment, augment_each, draw_seeds


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [56, 224])
def test_shape_and_type(size):
    films = torch.randint(0, 256, (3, 256, 256), dtype=torch.uint8, generator=_generator())
    found = augment(films, size, _generator())
    assert found.shape == (3, size, size) and found.dtype == torch.uint8


def test_never_a_flip():
    """A marker in the upper left stays there: laterality is a finding."""
    films = torch.zeros(200, 256, 256, dtype=torch.uint8)
    films[:, 40:80, 50:90] = 200
    bright = augment(films, 64, _generator()) > 110
    total = bright.sum((1, 2))
    assert (total > 40).all()
    assert (bright[:, :32, :32].sum((1, 2)) > 0.9 * total).all()


def test_films_vary_and_the_generator_decides():
    film = torch.randint(0, 256, (1, 256, 256), dtype=torch.uint8, generator=_generator()).repeat(2, 1, 1)
    one, two = augment(film, 64, _generator(1)), augment(film, 64, _generator(1))
    assert torch.equal(one, two)
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one, augment(film, 64, _generator(2)))


def test_a_study_hangs_on_its_own_seed_whoever_else_is_there():
    films = torch.randint(0, 256, (3, 2, 256, 256), dtype=torch.uint8, generator=_generator())
    seeds = draw_seeds(3, _generator())
    together, alone = augment_each(films, 64, seeds), augment_each(films[2:], 64, seeds[2:])
    assert together.shape == (3, 2, 64, 64) and torch.equal(together[2:], alone)
    assert not torch.equal(together[:1], augment_each(films[:1], 64, seeds[1:2]))


def test_a_film_stays_recognisable():
    film = torch.linspace(0, 255, 256).round().to(torch.uint8).expand(50, 256, 256)
    found = augment(film, 64, _generator()).float()
    assert (found[:, 16:48, 40:56].mean((1, 2)) > found[:, 16:48, 8:24].mean((1, 2)) + 40).all()


def test_black_and_white_stay_within_range():
    found = augment(torch.stack([torch.zeros(256, 256), torch.full((256, 256), 255)]).to(torch.uint8), 56, _generator())
    assert found[0].float().mean() < 10
    assert found[1, 28, 28] > 180
