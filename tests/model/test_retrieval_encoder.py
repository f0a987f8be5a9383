import torch


def test_both_towers_meet_on_the_unit_sphere(network, features):
    image = network.retrieval.embed_image(features.pooled)
    ids = torch.randint(5, 50, (3, 7), generator=torch.Generator().manual_seed(0))
    text = network.retrieval.embed_text(ids, torch.ones_like(ids, dtype=torch.bool))
    assert image.shape == (4, 16) and text.shape == (3, 16)
    for x in (image, text):
        assert torch.allclose(x.norm(dim=-1), torch.ones(len(x)), atol=1e-5)


def test_padding_does_not_change_a_text(network):
    ids = torch.randint(5, 50, (1, 6), generator=torch.Generator().manual_seed(0))
    plain = network.retrieval.embed_text(ids, torch.ones(1, 6, dtype=torch.bool))
    padded = torch.cat([ids, torch.zeros(1, 9, dtype=torch.long)], dim=1)
    found = network.retrieval.embed_text(padded, padded != 0)
    assert torch.allclose(found, plain, atol=1e-5)
    assert not torch.allclose(found, network.retrieval.embed_text(padded, torch.ones_like(padded) > 0), atol=1e-3)
