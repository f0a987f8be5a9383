import pytest
import torch
from torch import nn

from cxrreport.errors import UsageError
from cxrreport.training.checkpoint import Checkpoint, finished_epochs, load_checkpoint, run_whole, save_checkpoint
from cxrreport.training.descent import Descent, parameter_groups


def _setting(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    return model, Descent(
        [*parameter_groups(model[0].parameters(), 1e-2), *parameter_groups(model[1:].parameters(), 1e-3)], 20
    )


def _train(model, descent, steps, first=0):
    losses = []
    for step in range(first, first + steps):
        x = torch.randn(6, 4, generator=torch.Generator().manual_seed(step))
        loss = (model(x) - x.sum(1, keepdim=True)).pow(2).mean()
        descent.step(loss)
        losses.append(loss.item())
    return losses


def test_nothing_to_load(tmp_path):
    model, descent = _setting(0)
    assert load_checkpoint(tmp_path / "none.safetensors", {"m": model}, descent.optimizer) is None


def test_training_goes_on_as_if_it_had_never_stopped(tmp_path):
    path = tmp_path / "stage.safetensors"
    model, descent = _setting(0)
    _train(model, descent, 5)
    save_checkpoint(path, {"model": model}, descent.optimizer, {"epoch": 5, "words": ["a", "b"]})
    expected = _train(model, descent, 5, first=5)

    other, fresh = _setting(1)
    facts = load_checkpoint(path, {"model": other}, fresh.optimizer)
    assert facts["epoch"] == 5 and facts["words"] == ["a", "b"]
    fresh.schedule.last_epoch = facts["epoch"]
    assert _train(other, fresh, 5, first=5) == expected
    for key, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[key])


def test_two_modules_do_not_mix(tmp_path):
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    optimizer = torch.optim.AdamW([*one.parameters(), *two.parameters()])
    save_checkpoint(tmp_path / "c.safetensors", {"a": one, "ab": two}, optimizer, {})
    back = {"a": nn.Linear(2, 2), "ab": nn.Linear(2, 2)}
    load_checkpoint(tmp_path / "c.safetensors", back, optimizer)
    assert torch.equal(back["a"].weight, one.weight) and torch.equal(back["ab"].weight, two.weight)


def test_a_save_that_dies_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    model, descent = _setting(0)
    save_checkpoint(path, {"m": model}, descent.optimizer, {"epoch": 1})

    def die(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("cxrreport.training.checkpoint.save_file", die)
    with pytest.raises(OSError, match="full"):
        save_checkpoint(path, {"m": model}, descent.optimizer, {"epoch": 2})
    assert load_checkpoint(path, {"m": model}, descent.optimizer)["epoch"] == 1


@pytest.mark.parametrize("content", [b"", b"junk" * 100])
def test_a_damaged_checkpoint_is_told(tmp_path, content):
    path = tmp_path / "network.safetensors"
    path.write_bytes(content)
    layer = nn.Linear(1, 1)
    for read in (
        finished_epochs,
        lambda p: load_checkpoint(p, {"layer": layer}, torch.optim.AdamW(layer.parameters())),
    ):
        with pytest.raises(UsageError, match=r"network\.safetensors"):
            read(path)


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(tmp_path):
    """Else hours of training go on from weights that are lost."""
    path, generator = tmp_path / "stage.safetensors", torch.Generator()
    model, descent = _setting(0)
    checkpoint = Checkpoint(path, {"model": model}, descent, generator, minutes=1e-9)
    checkpoint.finish(1)
    before = path.read_bytes()
    for run in (checkpoint.run_epoch, run_whole):
        with pytest.raises(UsageError) as caught:
            run(lambda: [[0], [1]], lambda rows: torch.tensor([1.0, float("nan")]))
        assert caught.value.code == "training.diverged" and "learning rate" in caught.value.message
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts, modules: facts.pop("steps"),
        lambda facts, modules: facts.update(steps=21),  # of 20
        lambda facts, modules: facts.update(generator=[1, 2]),
        lambda facts, modules: facts.update(epoch="one"),
        lambda facts, modules: modules.pop("more"),
        lambda facts, modules: modules.update(more=nn.Linear(3, 3)),
    ],
)
def test_a_checkpoint_of_another_version_is_told(tmp_path, spoil):
    model, descent = _setting(0)
    _train(model, descent, 2)
    generator = torch.Generator()
    modules = {"model": model, "more": nn.Linear(2, 2)}
    checkpoint = Checkpoint(tmp_path / "c.safetensors", modules, descent, generator)
    checkpoint.finish(1)
    assert checkpoint.resume() == 1
    facts, saved = load_checkpoint(checkpoint.path, modules, descent.optimizer), dict(modules)
    facts.pop("groups")
    spoil(facts, saved)
    save_checkpoint(checkpoint.path, saved, descent.optimizer, facts)
    with pytest.raises(UsageError, match="of another version"):
        checkpoint.resume()
