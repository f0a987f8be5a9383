import pytest
import torch

from cxrreport.model.ablations import change
from cxrreport.model.config import FAM_ATTENTIONS, tiny
from cxrreport.model.fam import FAM
from cxrreport.model.variants import ConcatLayer, change_attention

CELLS, PATCHES = 49, 98


def _inputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    z, f = torch.randn(3, 5, 32, generator=generator), torch.randn(3, PATCHES, 32, generator=generator)
    f_mask = torch.ones(3, PATCHES, dtype=torch.bool)
    f_mask[2, CELLS:] = False
    return z, torch.ones(3, 5, dtype=torch.bool), f, f_mask


def _fam(attention, **changes):
    torch.manual_seed(0)
    config = change(tiny(50), **changes)
    fam = FAM(config)
    change_attention(fam, config, attention)
    return fam.eval()


@pytest.mark.parametrize("attention", FAM_ATTENTIONS)
@pytest.mark.parametrize("training", [False, True])
def test_a_study_without_reports_is_finite_and_empty(attention, training):
    z, z_mask, f, f_mask = _inputs()
    z_mask[1] = False
    fam = _fam(attention).train(training)
    found = fam(z, z_mask, f, f_mask)
    assert found.tokens.isfinite().all() and found.attention_map.isfinite().all()
    assert (found.tokens[1] == 0).all() and (found.tokens[0] != 0).any()
    found.tokens.square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in fam.parameters())


@pytest.mark.parametrize("attention", FAM_ATTENTIONS)
@torch.no_grad()
def test_tokens_do_not_see_padding(attention):
    z, z_mask, f, f_mask = _inputs()
    z_mask[:, 3:] = False
    fam = _fam(attention)
    before = fam(z, z_mask, f, f_mask).tokens
    z[:, 3:] = 9.0
    assert torch.allclose(fam(z, z_mask, f, f_mask).tokens, before, atol=1e-5)
    assert (before[:, 3:] == 0).all()


@pytest.mark.parametrize("attention", FAM_ATTENTIONS)
@torch.no_grad()
def test_a_view_that_is_not_there_has_no_influence(attention):
    z, z_mask, f, f_mask = _inputs()
    fam = _fam(attention)
    before = fam(z, z_mask, f, f_mask)
    f[2, CELLS:] = 9.0
    after = fam(z, z_mask, f, f_mask)
    assert torch.allclose(after.tokens, before.tokens, atol=1e-5)
    assert (after.attention_map[2, :, CELLS:] == 0).all()


@pytest.mark.parametrize("attention", FAM_ATTENTIONS)
@torch.no_grad()
def test_a_study_does_not_hang_on_the_others_of_its_batch(attention):
    z, z_mask, f, f_mask = _inputs()
    fam = _fam(attention)
    whole = fam(z, z_mask, f, f_mask).tokens
    for row in range(3):
        one = slice(row, row + 1)
        assert torch.allclose(fam(z[one], z_mask[one], f[one], f_mask[one]).tokens, whole[one], atol=1e-5)


@pytest.mark.parametrize("attention", FAM_ATTENTIONS)
@torch.no_grad()
def test_tokens_change_with_the_image(attention):
    z, z_mask, f, f_mask = _inputs()
    fam = _fam(attention)
    assert not torch.allclose(fam(z, z_mask, f, f_mask).tokens, fam(z, z_mask, f + 1, f_mask).tokens, atol=1e-3)


@pytest.mark.parametrize("attention", FAM_ATTENTIONS)
def test_every_parameter_of_every_variant_learns(attention):
    fam = _fam(attention).train()
    fam(*_inputs()).tokens.square().sum().backward()
    assert [name for name, p in fam.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("masks", [(2,), (2, 4), (1, 2, 3), (2, 4, 4, 4, 4)])
def test_layers_are_as_many_as_masks_are_named(masks):
    for attention, expected in (("dra", list(masks)), ("transformer", []), ("trar", [4] * len(masks))):
        fam = _fam(attention, masks_per_layer=masks)
        with torch.no_grad():
            found = fam(*_inputs())
        assert len(fam.layers) == len(masks)
        assert [alpha.shape[1] for alpha in found.alphas] == expected


@torch.no_grad()
def test_transformer_is_dra_with_the_global_window_alone():
    plain, routed = _fam("transformer"), _fam("dra", masks_per_layer=(1, 1))
    routed.load_state_dict(plain.state_dict(), strict=False)
    ours, theirs = plain(*_inputs()), routed(*_inputs())
    assert torch.allclose(ours.tokens, theirs.tokens, atol=1e-6)
    assert torch.allclose(ours.attention_map, theirs.attention_map, atol=1e-7)


@torch.no_grad()
def test_concat_knows_the_mean_of_the_patches_only():
    z, z_mask, f, f_mask = _inputs()
    fam = _fam("concat")
    assert isinstance(fam.layers[0], ConcatLayer)
    before = fam(z, z_mask, f, f_mask)
    order = torch.randperm(CELLS, generator=torch.Generator().manual_seed(0))
    shuffled = torch.cat([f[:, :CELLS][:, order], f[:, CELLS:]], dim=1)
    assert torch.allclose(fam(z, z_mask, shuffled, f_mask).tokens, before.tokens, atol=1e-5)
    assert torch.allclose(before.attention_map[2, 0, :CELLS], torch.tensor(1 / CELLS))
