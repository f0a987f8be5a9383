import json
import os
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cxrreport.errors import UsageError
from cxrreport.training.checkpoint import Checkpoint, finished_epochs
from cxrreport.training.descent import Descent, parameter_groups


def _checkpoint(path, minutes=0.0):
    """Of two modules after a step; nothing is saved yet."""
    modules = {"model": nn.Linear(4, 1), "models": nn.Linear(4, 1)}
    groups = [group for module in modules.values() for group in parameter_groups(module.parameters(), 1e-2)]
    descent = Descent(groups, 20)
    descent.step(sum(module(torch.ones(1, 4)).sum() for module in modules.values()))
    return Checkpoint(path, modules, descent, torch.Generator(), minutes)


def test_two_modules_do_not_mix(tmp_path):
    saved, other = (_checkpoint(tmp_path / "c.safetensors") for _ in range(2))
    saved.finish(3)
    assert other.resume() == finished_epochs(other.path) == 3
    for name, module in saved.modules.items():
        assert torch.equal(other.modules[name].weight, module.weight)


@pytest.mark.parametrize("content", [b"", b"junk" * 100])
def test_a_damaged_checkpoint_is_told(tmp_path, content):
    path = tmp_path / "network.safetensors"
    path.write_bytes(content)
    for read in (finished_epochs, lambda path: _checkpoint(path).resume()):
        with pytest.raises(UsageError, match=r"network\.safetensors"):
            read(path)


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(tmp_path):
    """Else hours of training go on from weights that are lost."""
    checkpoint = _checkpoint(tmp_path / "stage.safetensors", minutes=1e-9)
    checkpoint.finish(1)
    before = checkpoint.path.read_bytes()
    with pytest.raises(UsageError) as caught:
        checkpoint.run_epoch(lambda: [[0], [1]], lambda rows: torch.tensor([1.0, float("nan")]))
    assert caught.value.code == "training.diverged" and "learning rate" in caught.value.message
    assert checkpoint.path.read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_an_epoch_is_heard_after_the_step_and_what_is_done_is_saved(tmp_path, number):
    before, taken = signal.getsignal(number), []

    def step(rows):
        taken.append(rows)
        if rows == [1]:
            os.kill(os.getpid(), number)
        return torch.ones(1)

    def epoch():
        checkpoint = _checkpoint(tmp_path / "c.safetensors")
        checkpoint.resume()
        return checkpoint.run_epoch(lambda: [[0], [1], [2]], step)

    with pytest.raises(SystemExit) as ended:
        epoch()
    assert ended.value.code == 128 + number and taken == [[0], [1]] and signal.getsignal(number) == before
    assert epoch().tolist() == [1] and taken == [[0], [1], [2]]
    with pytest.raises(SystemExit):
        _checkpoint(None).run_epoch(lambda: [[1]], step)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts, tensors: facts.pop("steps"),
        lambda facts, tensors: facts.update(steps=21),  # of 20
        lambda facts, tensors: facts.update(generator=[1, 2]),
        lambda facts, tensors: facts.update(epoch="one"),
        lambda facts, tensors: tensors.pop("models/weight"),
        lambda facts, tensors: tensors.update({"models/weight": torch.zeros(3, 3)}),
    ],
)
def test_a_checkpoint_of_another_version_is_told(tmp_path, spoil):
    checkpoint = _checkpoint(tmp_path / "c.safetensors")
    checkpoint.finish(1)
    assert checkpoint.resume() == 1
    with safe_open(checkpoint.path, framework="pt") as file:
        facts, tensors = json.loads(file.metadata()["facts"]), load_file(checkpoint.path)
    spoil(facts, tensors)
    save_file(tensors, checkpoint.path, {"facts": json.dumps(facts)})
    with pytest.raises(UsageError, match="of another version"):
        checkpoint.resume()
