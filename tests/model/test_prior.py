"""How the decoder reads a prior; and that a study without one is drafted as if nobody could."""

import numpy as np
import pytest
import torch
from builders.network import random_features, random_reports, tiny_weights
from hypothesis import given
from hypothesis import strategies as st
from torch.func import functional_call

from cxrreport.findings import Change
from cxrreport.model.config import PATCHES
from cxrreport.model.drafter import Drafter, take_features
from cxrreport.model.generation import Decoding, generate
from cxrreport.model.prior import CHANGES, UNKNOWN_CHANGE, Prior, PriorReader, intervals, make_prior, sides_of
from cxrreport.model.weights import Weights


@pytest.fixture(scope="module")
def made():
    return tiny_weights()


def reader_of(made, strength=0.5, seed=3):
    """A reader that moves the decoder: a new one does not."""
    torch.manual_seed(seed)
    reader = PriorReader(made.network.config, made.network.decoder).eval()
    for delta in reader.deltas:
        torch.nn.init.normal_(delta.wide, std=strength)
    return reader


def with_reader(made, reader):
    return Weights(made.network, made.views, made.tokenizer, {}, made.sha256, None, None, reader)


def random_prior(made, count, seed=0, words=6):
    g = torch.Generator().manual_seed(seed)
    config = made.network.config
    tokens = torch.randn(count, 2 * PATCHES, config.d_model, generator=g)
    report = torch.randint(10, 60, (count, words), generator=g)
    changes = torch.randint(0, UNKNOWN_CHANGE + 1, (count, 13), generator=g)
    sides = torch.randint(0, 4, (count, 13), generator=g)
    return Prior(tokens, report, changes, sides, torch.randint(0, 300, (count,), generator=g))


def drafted(drafter, seed=1, count=3, prior=None):
    features = random_features(drafter.network, count, seed)
    reports = random_reports(drafter.network, count, seed).numpy()
    mask = torch.ones(reports.shape[:2], dtype=torch.bool).numpy()
    return drafter.draft(features, reports, mask, prior=prior)


def test_a_new_reader_moves_no_weight(made):
    decoder = made.network.decoder
    adapted = PriorReader(made.network.config, decoder).adapt(decoder)
    assert all(torch.equal(value, adapted.state_dict()[name]) for name, value in decoder.state_dict().items())


def test_the_adapted_decoder_computes_what_learnt_and_leaves_the_other_alone(made):
    decoder, reader = made.network.decoder, reader_of(made)
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    adapted = reader.adapt(decoder)
    ids = torch.tensor([[5, 6, 7, 8]])
    memory = torch.randn(1, 9, made.network.config.decoder_width)
    arguments = (ids, ids != 0, memory, torch.ones(1, 9, dtype=torch.bool))
    learnt = functional_call(decoder, reader.weights(decoder), arguments)
    torch.testing.assert_close(adapted(*arguments), learnt)
    assert not torch.allclose(learnt, decoder(*arguments))
    assert all(torch.equal(value, before[name]) for name, value in decoder.state_dict().items())
    words = adapted.lm.bert.embeddings.word_embeddings.weight
    assert words is decoder.lm.bert.embeddings.word_embeddings.weight is adapted.lm.cls.predictions.decoder.weight


def test_a_study_without_a_prior_is_drafted_bit_for_bit_as_without_a_reader(made):
    plain, able = (Drafter(w, Decoding(beams=2, max_new_tokens=12)) for w in (made, with_reader(made, reader_of(made))))
    for one, other in zip(drafted(plain), drafted(able), strict=True):
        assert one == other and not other.compared
    with_prior = drafted(able, prior=random_prior(made, 3))
    assert all(draft.compared for draft in with_prior)
    assert [d.text for d in with_prior] != [d.text for d in drafted(able)]
    assert [d.states for d in with_prior] == [d.states for d in drafted(able)]  # the prior does not decide the findings


def test_weights_that_have_not_learnt_to_read_a_prior_leave_it_out(made):
    drafter = Drafter(made, Decoding(beams=2, max_new_tokens=12))
    assert drafted(drafter, prior=random_prior(made, 3)) == drafted(drafter)


def test_a_study_is_drafted_the_same_whatever_else_is_in_the_batch(made):
    drafter = Drafter(with_reader(made, reader_of(made)), Decoding(beams=2, max_new_tokens=12))
    features = random_features(made.network, 3, 4)
    reports = random_reports(made.network, 3, 4).numpy()
    mask = torch.ones(reports.shape[:2], dtype=torch.bool).numpy()
    prior = random_prior(made, 3, 2)
    prior.report[0, 2:] = 0
    together = drafter.draft(features, reports, mask, prior=prior)
    for row in range(3):
        one = drafter.draft(take_features(features, [row]), reports[[row]], mask[[row]], prior=prior.take([row]))
        assert one[0].text == together[row].text


def test_a_batch_that_does_not_fit_is_halved_with_its_priors(made, monkeypatch):
    drafter = Drafter(with_reader(made, reader_of(made)), Decoding(beams=2, max_new_tokens=12))
    prior = random_prior(made, 3, 2)
    whole, draft = drafted(drafter, prior=prior), Drafter._draft

    def cramped(self, features, *rest):
        if len(features.pooled) > 1:
            raise torch.cuda.OutOfMemoryError
        return draft(self, features, *rest)

    monkeypatch.setattr(Drafter, "_draft", cramped)
    assert [d.text for d in drafted(drafter, prior=prior)] == [d.text for d in whole]


def test_every_part_of_the_prior_reaches_memory_or_prefix(made):
    reader, decoder, prior = reader_of(made), made.network.decoder, random_prior(made, 1)
    memory, mask = reader.remember(decoder, prior)
    assert memory.shape[1] == mask.shape[1] == 2 * PATCHES + prior.report.shape[1] and mask.all()
    context = reader.context(prior)
    assert context.shape == (1, 14, made.network.config.decoder_width)
    for changed in (prior._replace(tokens=prior.tokens + 1), prior._replace(report=prior.report.flip(1))):
        assert not torch.equal(reader.remember(decoder, changed)[0], memory)
    for place, changed in (
        (slice(1, None), prior._replace(changes=(prior.changes + 1) % UNKNOWN_CHANGE)),
        (slice(1, None), prior._replace(sides=(prior.sides + 1) % 4)),
        (slice(0, 1), prior._replace(days=torch.full_like(prior.days, -1))),
        (slice(0, 1), prior._replace(report=torch.zeros_like(prior.report))),
    ):
        differs = (reader.context(changed) != context).any(-1)
        assert differs[:, place].all() and differs.sum() == differs[:, place].sum()


def test_a_prior_without_a_report_shows_no_words(made):
    reader, decoder, prior = reader_of(made), made.network.decoder, random_prior(made, 2)
    prior.report[1] = 0
    _, mask = reader.remember(decoder, prior)
    words = prior.report.shape[1]
    assert mask[0].all() and not mask[1, -words:].any() and mask[1, :-words].all()


def test_the_context_counts_in_drafting_as_in_learning(made):
    decoder, reader, prior = made.network.decoder, reader_of(made), random_prior(made, 2)
    prefix = torch.randint(5, 60, (2, 15), generator=torch.Generator().manual_seed(0))
    memory, mask = torch.randn(2, 9, made.network.config.decoder_width), torch.ones(2, 9, dtype=torch.bool)
    context = reader.context(prior)
    learnt = decoder(prefix, torch.ones_like(prefix, dtype=torch.bool), memory, mask, context)[:, -1]
    torch.testing.assert_close(decoder.step(prefix, decoder.start(memory, mask), context), learnt)
    assert not torch.allclose(decoder.step(prefix, decoder.start(memory, mask)), learnt)


@given(st.integers(-1, 5000))
def test_intervals_grow_with_the_days_and_unknown_stands_apart(days):
    found = int(intervals(torch.tensor([days])))
    limits = (0, 6, 29, 179)
    assert found == (5 if days < 0 else sum(days > limit for limit in limits))


def test_priors_are_put_together(made):
    tokens = torch.zeros(4, 8)
    changes = [[Change.NEW, None, *[Change.ABSENT] * 11], [None] * 13]
    maps = np.zeros((2, 13, 4, 4), np.float32)
    maps[0, 0, 1, 3] = 0.7
    prior = make_prior([tokens, tokens], [[7, 8, 9], []], changes, list(maps), [3, None])
    assert prior.sides[0, 0] == 2 and prior.sides.sum() == 2
    assert prior.report.tolist() == [[7, 8, 9], [0, 0, 0]] and prior.days.tolist() == [3, -1]
    assert prior.changes[0, :3].tolist() == [0, UNKNOWN_CHANGE, 5] and set(prior.changes[1].tolist()) == {
        UNKNOWN_CHANGE
    }
    assert make_prior([tokens], [[]], [[None] * 13], [maps[0]], [0]).report.shape == (1, 1)


def test_the_side_of_a_change_is_that_of_its_map():
    maps, new = torch.zeros(1, 13, 4, 4), torch.zeros(1, 13, dtype=torch.long)
    maps[0, 0, :, :2], maps[0, 1, :, 2:], maps[0, 2], maps[0, 3] = 1, 0.2, 1, -1
    assert sides_of(maps, new)[0, :5].tolist() == [1, 2, 3, 0, 0]
    assert not sides_of(maps, new + CHANGES.index(Change.UNCHANGED)).any()  # it has not changed anywhere
    assert not sides_of(maps, new + UNKNOWN_CHANGE).any()


def test_without_a_prior_the_decoder_cannot_say_words_that_compare(made, monkeypatch):
    place = made.tokenizer.vocabulary.index("heart")
    asked = []

    def listen(*arguments):
        asked.append(arguments[5])
        return generate(*arguments)

    monkeypatch.setattr("cxrreport.model.drafter.generate", listen)
    drafter = Drafter(with_reader(made, reader_of(made)), Decoding(beams=2, max_new_tokens=12), [place])
    drafted(drafter)
    drafted(drafter, prior=random_prior(made, 3))
    assert place in asked[0] and place not in asked[1] and set(made.tokenizer.banned) <= set(asked[1]) < set(asked[0])
