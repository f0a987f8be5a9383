"""TempFAM and the progression head (docs/model.md, Progression)."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from cxrreport.findings import Change
from cxrreport.model.ablations import change
from cxrreport.model.config import GRID, PATCHES, tiny
from cxrreport.model.progression import (
    CHANGES,
    DIRECTIONS,
    FOLLOWED,
    PRESENCE,
    Progression,
    TemporalNetwork,
    _join,
    decide,
)

CONFIG = tiny(100)
LOGITS = st.floats(-8, 8)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    made = TemporalNetwork(CONFIG).eval()
    for parameter in (made.head.read, made.head.bias):
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def pairs(count, seed=0):
    g = torch.Generator().manual_seed(seed)
    patches = torch.randn(2, count, PATCHES, CONFIG.encoder_width, generator=g)
    films = torch.randint(0, 256, (count, 2, 256, 256), generator=g, dtype=torch.uint8)
    judged = torch.randn(2, count, len(FOLLOWED), generator=g)
    return [patches[0], patches[1], films, torch.ones(count, dtype=torch.bool), judged[0], judged[1]]


def test_shapes_are_those_of_the_page(network):
    difference, said = network(*pairs(3))
    assert difference.tokens.shape == difference.aligned.shape == (3, PATCHES, CONFIG.d_model)
    assert difference.fine.shape[2:] == (2 * GRID, 2 * GRID)
    assert said.joint.shape == (3, 13, 4) and said.direction.shape == (3, 13, 3)
    assert said.maps.shape == (3, 13, 2 * GRID, 2 * GRID)


def test_a_pair_does_not_hang_on_the_others_of_its_batch(network):
    together, alone = network(*pairs(4))[1], network(*[x[2:3] for x in pairs(4)])[1]
    assert torch.allclose(together.joint[2], alone.joint[0], atol=1e-4)
    assert torch.allclose(together.maps[2], alone.maps[0], atol=1e-4)


def test_films_that_are_not_registered_are_not_looked_at(network):
    given_pairs = pairs(2)
    given_pairs[3] = torch.tensor([True, False])
    said = network(*given_pairs)[1]
    given_pairs[2] = 255 - given_pairs[2]
    other = network(*given_pairs)[1]
    assert not torch.allclose(said.joint[0], other.joint[0]) and torch.equal(said.joint[1], other.joint[1])


def test_the_registration_looks_around_the_same_place(network):
    """A corner patch of the current film sees at most its windows, all of the film only through order 0."""
    z, f = torch.randn(1, PATCHES, CONFIG.d_model), torch.eye(PATCHES)[None]
    with torch.no_grad():
        mixed, _ = network.fam.registration.mix(z, z, torch.ones(1, PATCHES, dtype=torch.bool), torch.tensor(1.0))
    corner = (mixed.mean(1) @ f)[0, 0].view(GRID, GRID)
    assert corner.sum() == pytest.approx(1, abs=1e-4)
    assert corner[:2, :2].sum() / 4 > 2 * corner[4:, 4:].sum() / 9


@given(LOGITS, LOGITS, LOGITS, st.lists(LOGITS, min_size=3, max_size=3))
def test_the_six_changes_are_a_distribution_consistent_with_the_two_states(now, before, tie, direction):
    one = torch.tensor([[now]]), torch.tensor([[before]]), torch.tensor([[tie]])
    said = Progression(_join(*one), torch.tensor([[direction]]), torch.zeros(1, 1, 2, 2))
    share = dict(zip(CHANGES, said.probabilities()[0, 0].tolist(), strict=True))
    assert sum(share.values()) == pytest.approx(1, abs=1e-4) and min(share.values()) >= 0
    joint = dict(zip(PRESENCE, said.joint.softmax(-1)[0, 0].tolist(), strict=True))
    assert sum(share[c] for c in DIRECTIONS) == pytest.approx(joint[Change.UNCHANGED], abs=1e-4)
    assert share[Change.NEW] == pytest.approx(joint[Change.NEW], abs=1e-4)


@given(LOGITS, LOGITS)
def test_without_a_tie_the_two_states_are_independent(now, before):
    untied = torch.tensor([[-40.0]])  # k = 0
    joint = _join(torch.tensor([[now]]), torch.tensor([[before]]), untied).softmax(-1)[0, 0]
    p_c, p_p = torch.tensor(now).sigmoid(), torch.tensor(before).sigmoid()
    assert joint[PRESENCE.index(Change.NEW)] == pytest.approx(float(p_c * (1 - p_p)), abs=1e-4)
    assert joint[PRESENCE.index(Change.RESOLVED)] == pytest.approx(float(p_p * (1 - p_c)), abs=1e-4)


@given(LOGITS, LOGITS, LOGITS, st.floats(0, 5))
def test_strictness_only_ever_takes_changes_away(now, before, tie, strictness):
    assume(min(abs(now - before), abs(now), abs(before), abs(now + before)) > 1e-3)  # no tie
    said = Progression(
        _join(torch.tensor([[now]]), torch.tensor([[before]]), torch.tensor([[tie]])),
        torch.zeros(1, 1, 3),
        torch.zeros(0),
    )
    free, strict = (PRESENCE[int(decide(said.calibrated(s, 0))[0])] for s in (0.0, strictness))
    changes = {Change.NEW, Change.RESOLVED}
    assert strict == free or free in changes


@given(st.lists(LOGITS, min_size=3, max_size=3), st.floats(0, 5))
def test_steadiness_only_ever_makes_a_course_unchanged(direction, steadiness):
    said = Progression(torch.zeros(1, 1, 4), torch.tensor([[direction]]), torch.zeros(0))
    free, steady = (DIRECTIONS[int(decide(said.calibrated(0, s))[1])] for s in (0.0, steadiness))
    assert steady in (free, Change.UNCHANGED)


def test_only_what_exceeds_the_limit_of_its_finding_is_a_place():
    said = Progression(torch.zeros(0), torch.zeros(0), torch.zeros(1, 2, 2, 2))  # 0.5 everywhere
    places = said.places(torch.tensor([0.4, 0.6]))
    assert (places[0, 0] == 0.5).all() and (places[0, 1] == 0).all()


def test_a_grid_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="twice the grid"):
        TemporalNetwork(change(CONFIG, image_size=70))


def test_every_parameter_learns():
    torch.manual_seed(0)
    made = TemporalNetwork(CONFIG).train()
    torch.nn.init.normal_(made.head.read, std=0.1)
    _, said = made(*pairs(4))
    (said.joint.square().sum() + said.direction.square().sum() + said.maps.square().sum()).backward()
    silent = [name for name, p in made.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-7]
    silent = [name for name in silent if not name.endswith(".k.bias")]  # a softmax does not feel what all keys share
    assert not silent


def test_films_in_the_other_order_give_the_opposite_change(network):
    current, prior, films, registered, now, before = pairs(3)
    with torch.no_grad():
        said = network.read(current, prior, films, registered, now, before)[1]
        back = network.read(prior, current, films.flip(1), registered, before, now)[1]
    shares, others = said.probabilities(), back.probabilities()
    opposite = [
        CHANGES.index(c)
        for c in (Change.RESOLVED, Change.IMPROVED, Change.UNCHANGED, Change.WORSENED, Change.NEW, Change.ABSENT)
    ]
    assert torch.allclose(shares, others[..., opposite], atol=1e-5)
    assert torch.allclose(said.maps, back.maps, atol=1e-4)


def test_one_film_twice_is_neither_new_nor_resolved(network):
    current, _, films, registered, now, _ = pairs(3)
    films = films[:, :1].expand(-1, 2, -1, -1)
    with torch.no_grad():
        joint, _ = decide(network.read(current, current, films, registered, now, now)[1].calibrated(1e-4, 0))
    assert {PRESENCE[i] for i in joint.flatten().tolist()} <= {Change.ABSENT, Change.UNCHANGED}
