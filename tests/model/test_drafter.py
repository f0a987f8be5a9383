import dataclasses

import numpy as np
import pytest
import torch
from builders.network import tiny_weights

import cxrreport.model.drafter as module
from cxrreport.findings import State
from cxrreport.model.drafter import Drafter, stack_images
from cxrreport.model.generation import Decoding, Generated
from cxrreport.model.revtaf.hyperbolic import HyperbolicHead, distance_of, distances, image_logits
from cxrreport.records import PreparedStudy

DECODING = Decoding(beams=2, max_new_tokens=12, min_new_tokens=3)


@pytest.fixture(scope="module")
def drafter(weights):
    return Drafter(weights, DECODING)


def _studies(count, seed=0):
    rng = np.random.default_rng(seed)
    films = rng.integers(0, 256, (count, 2, 256, 256), dtype=np.uint8)
    return [PreparedStudy(pair[0], pair[1] if i % 2 else None) for i, pair in enumerate(films)]


def _reports(drafter, count, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, drafter.retrieved, drafter.dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.ones((count, drafter.retrieved), bool)


def _same(one, other):
    """Drafts of batches of different size: the same words, probabilities up to rounding."""
    for a, b in zip(one, other, strict=True):
        assert (a.text, a.flags, a.valid, a.states.states) == (b.text, b.flags, b.valid, b.states.states)
        assert a.states.probabilities == pytest.approx(b.states.probabilities, abs=1e-5)
        assert a.states.weights == pytest.approx(b.states.weights, abs=1e-5)


def test_films_are_stacked_frontal_first():
    films, mask = stack_images(_studies(3))
    assert films.shape == (3, 2, 256, 256) and films.dtype == torch.uint8
    assert mask.tolist() == [[True, False], [True, True], [True, False]]
    assert (films[0, 1] == 0).all()
    assert np.array_equal(films[1, 1].numpy(), _studies(3)[1].lateral)


def test_draft_says_what_it_knows(drafter):
    features = drafter.encode(_studies(4))
    drafts = drafter.draft(features, *_reports(drafter, 4))
    assert len(drafts) == 4 and all(d.valid and d.text for d in drafts)
    for draft in drafts:
        assert len(draft.states.states) == len(draft.states.probabilities) == 14
        assert all(isinstance(state, State) for state in draft.states.states)
        assert all(0 <= p <= 1 for p in draft.states.probabilities)
        assert sum(draft.states.weights) == pytest.approx(1, abs=1e-4)


def test_drafts_do_not_vary_and_do_not_depend_on_the_batch(drafter):
    studies, (vectors, mask) = _studies(4), _reports(drafter, 4)
    together = drafter.draft(drafter.encode(studies), vectors, mask)
    assert together == drafter.draft(drafter.encode(studies), vectors, mask)
    alone = [drafter.draft(drafter.encode([s]), vectors[[i]], mask[[i]])[0] for i, s in enumerate(studies)]
    _same(together, alone)


def test_states_alone_are_those_of_the_draft(drafter):
    features, (vectors, mask) = drafter.encode(_studies(2)), _reports(drafter, 2)
    assert drafter.read_states(features, vectors, mask) == [d.states for d in drafter.draft(features, vectors, mask)]


def test_thresholds_of_the_weights_count(weights):
    own = dataclasses.replace(weights, network=tiny_weights().network)
    own.network.config.thresholds = [0.0] * 14
    drafter = Drafter(own, DECODING)
    (states,) = drafter.read_states(drafter.encode(_studies(1)), *_reports(drafter, 1))
    assert states.states == (*[State.POSITIVE] * 13, State.BLANK)  # beside them there is not "no finding"


def test_a_study_without_any_retrieved_report(drafter):
    vectors, mask = _reports(drafter, 1)
    (draft,) = drafter.draft(drafter.encode(_studies(1)), np.zeros_like(vectors), np.zeros_like(mask))
    assert draft.valid and draft.states.weights == (0.0,) * drafter.retrieved


# -- flags -------------------------------------------------------------------------------------------------------------


def test_length_limit_is_flagged_for_real(weights):
    drafter = Drafter(weights, Decoding(beams=1, max_new_tokens=4, min_new_tokens=4))
    (draft,) = drafter.draft(drafter.encode(_studies(1)), *_reports(drafter, 1))
    assert "hit_max_length" in draft.flags


@pytest.mark.parametrize("said", ["", "the heart the heart heart heart heart is normal ."])
def test_an_empty_or_runaway_draft_is_not_valid(drafter, monkeypatch, said):
    ids = drafter.tokenizer.encode(said, 100)
    monkeypatch.setattr(module, "generate", lambda *_: [[Generated(ids, -1.0, True)]])
    (draft,) = drafter.draft(drafter.encode(_studies(1)), *_reports(drafter, 1))
    assert (draft.text, draft.valid) == ("", False)


@pytest.mark.parametrize("part", ["encoder", "classifier", "similar", "decoder", "memory_patches"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_give_no_valid_draft(part, value):
    weights = tiny_weights()
    with torch.no_grad():
        for parameter in getattr(weights.network, part).parameters():
            parameter.fill_(value)
    drafter = Drafter(weights, DECODING)
    drafts = drafter.draft(drafter.encode(_studies(2)), *_reports(drafter, 2))
    assert [d.valid for d in drafts] == [False, False]


# -- texts -------------------------------------------------------------------------------------------------------------


def test_embedded_texts_keep_their_order_and_are_unit(drafter):
    rng = np.random.default_rng(0)
    words = np.array(["heart", "lungs", "clear", "normal", "effusion", "pneumothorax", "the", "is", "no", "small"])
    texts = [" ".join(rng.choice(words, rng.integers(1, 30))) for _ in range(70)] + ["", "☃"]
    together = drafter.embed_texts(texts)
    assert together.shape == (72, drafter.dimension) and together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    for i in (0, 1, 35, 69, 70, 71):
        assert drafter.embed_texts([texts[i]])[0] == pytest.approx(together[i], abs=1e-5)
    assert len(np.unique(together.round(4), axis=0)) > 60
    assert drafter.embed_texts([]).shape == (0, drafter.dimension)


# -- retrieval spaces --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(weights):
    """A drafter whose weights have a hyperbolic retriever."""
    torch.manual_seed(2)
    return Drafter(dataclasses.replace(weights, hyperbolic=HyperbolicHead(16).eval()), DECODING)


def test_spaces_are_what_the_weights_can_search(drafter, learned):
    assert drafter.spaces == ("text", "image") and learned.spaces == ("text", "image", "hyperbolic")
    for each in (drafter, learned):
        features = each.encode(_studies(3))
        assert tuple(each.queries(features)) == each.spaces
        assert tuple(each.keys(features)) == each.spaces[1:]  # "text" is filled with `embed_texts`


def test_text_and_image_are_searched_with_the_image_vector(learned):
    features = learned.encode(_studies(3))
    image, queries = learned.embed_images(features), learned.queries(features)
    for found in (queries["text"], queries["image"], learned.keys(features)["image"]):
        assert np.array_equal(found, image)


def test_hyperbolic_scores_are_the_distances_of_the_points(learned):
    features = learned.encode(_studies(5))
    queries, keys = learned.queries(features)["hyperbolic"], learned.keys(features)["hyperbolic"]
    assert queries.shape == keys.shape == (5, learned.dimension + 1) and queries.dtype == keys.dtype == np.float32
    with torch.no_grad():
        points = learned.weights.hyperbolic(image_logits(learned.network, features))
    true = distances(points, points).numpy()
    assert distance_of(queries @ keys.T) == pytest.approx(true, abs=0.05)
    alone = learned.queries(learned.encode(_studies(5)[:1]))["hyperbolic"]
    assert alone[0] == pytest.approx(queries[0], rel=1e-3, abs=1e-4)  # whatever else is in the batch


# -- a GPU that is too small -------------------------------------------------------------------------------------------


def _too_small(function, size, sizes):
    def run(*arguments, **named):
        count = next(len(a) for a in arguments if isinstance(a, torch.Tensor))
        sizes.append(count)
        if count > size:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return function(*arguments, **named)

    return run


def test_a_batch_that_does_not_fit_is_halved_with_the_same_drafts(weights, monkeypatch):
    drafter = Drafter(dataclasses.replace(weights, network=tiny_weights().network), DECODING)
    studies, (vectors, mask) = _studies(5), _reports(drafter, 5)
    expected = drafter.draft(drafter.encode(studies), vectors, mask)
    encoded, generated = [], []
    monkeypatch.setattr(module, "_CPU_STUDIES", 5)
    monkeypatch.setattr(drafter.network.encoder, "forward", _too_small(drafter.network.encoder.forward, 2, encoded))
    monkeypatch.setattr(module, "generate", _too_small(module.generate, 2, generated))
    _same(drafter.draft(drafter.encode(studies), vectors, mask), expected)
    assert encoded[0] == 5 and sum(n for n in encoded if n <= 2) == 5
    assert drafter.halved == sum(n > 2 for n in encoded + generated) > 0
    monkeypatch.undo()


def test_one_study_that_does_not_fit_is_an_error(drafter, monkeypatch):
    features, (vectors, mask) = drafter.encode(_studies(2)), _reports(drafter, 2)

    def never(*_):
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr(module, "generate", never)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        drafter.draft(features, vectors, mask)


def test_what_less_likely_beams_say_comes_along_once_and_usable(drafter, monkeypatch):
    said = ["heart heart heart heart heart", "the heart is normal .", "no effusion .", "the heart is normal .", ""]
    pool = [Generated(drafter.tokenizer.encode(text, 100), -float(rank), True) for rank, text in enumerate(said)]
    monkeypatch.setattr(module, "generate", lambda *_: [pool])
    (draft,) = drafter.draft(drafter.encode(_studies(1)), *_reports(drafter, 1))
    assert draft.valid and draft.text == "The heart is normal."
    assert [other.text for other in draft.others] == ["No effusion."]
