import numpy as np
import pytest
import torch
from builders.network import random_samples, tiny_weights

from cxrreport.datasets.encoded import encode_samples
from cxrreport.model.drafter import Drafter
from cxrreport.model.revtaf.hyperbolic import image_logits
from cxrreport.training.retriever_stage import cache_logits, train_retriever, validate_retriever

EPOCHS = 12


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _studies(count, seed):
    """Logits (n, 4, 14) that lean to the true states, four kinds of study, with noise; and the states (n, 14)."""
    kinds = np.random.default_rng(0).integers(0, 4, (4, 14))
    states = kinds[np.random.default_rng(seed).integers(0, 4, count)]
    truth = torch.nn.functional.one_hot(torch.from_numpy(states), 4).transpose(1, 2).float()
    return 2 * truth + torch.randn(count, 4, 14, generator=_generator(seed)), states


@pytest.fixture(scope="module")
def trained():
    return train_retriever(*_studies(200, 1), 16, _generator(), EPOCHS)


def test_logits_are_those_of_the_plain_films_alone():
    drafter = Drafter(tiny_weights())
    samples = random_samples(5)
    bank = drafter.embed_texts([s.summary for s in samples])
    encoded = encode_samples(drafter, samples, bank, [s.patient for s in samples], 2, _generator())
    drafter.network.train()
    logits = cache_logits(drafter.network, encoded)
    assert logits.shape == (5, 4, 14) and not drafter.network.training
    plain, augmented = (encoded.features([0, 3], torch.tensor([copy, copy])) for copy in (0, 1))
    with torch.no_grad():
        assert torch.allclose(logits[[0, 3]], image_logits(drafter.network, plain), atol=1e-5)
        assert not torch.allclose(logits[[0, 3]], image_logits(drafter.network, augmented), atol=1e-5)


def test_training_brings_studies_of_like_findings_together(trained):
    """Of new studies, too; before training the head is worse."""
    assert not trained.training
    (bank, bank_states), (logits, states) = _studies(200, 1), _studies(60, 2)
    untrained = train_retriever(*_studies(200, 1), 16, _generator(), 0)
    before, after = (validate_retriever(h, bank, bank_states, logits, states) for h in (untrained, trained))
    assert set(after) == {"retriever_f1_at_1", "retriever_f1_at_5"}
    assert after["retriever_f1_at_1"] > 0.95 > before["retriever_f1_at_1"]


def test_a_batch_too_small_to_rank_teaches_nothing_and_breaks_nothing():
    logits, states = _studies(2, 1)
    assert train_retriever(logits, states, 16, _generator(), 1)(logits).isfinite().all()


def test_a_bank_smaller_than_k(trained):
    bank, bank_states = _studies(3, 1)
    logits, states = _studies(4, 2)
    scores = validate_retriever(trained, bank, bank_states, logits, states)
    assert all(0 <= score <= 1 for score in scores.values())
