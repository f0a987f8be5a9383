"""Two processes on the loopback learn what one learns that has the whole batch, in every stage, and go on where they were."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from builders.network import VOCABULARY, random_films
from builders.pairs import drawn_pairs
from builders.ranks import run_ranks
from builders.training import read_noise, told_lines, train_options
from safetensors.torch import load_file
from torch.nn import functional as F

import cxrreport.training.pair_training as pairs_module
import cxrreport.training.start as start_module
from cxrreport.datasets.directory import READERS
from cxrreport.datasets.nih import IMAGE_READERS
from cxrreport.datasets.pairs.alignment import leave_apart
from cxrreport.errors import UnavailableError, UsageError
from cxrreport.model import together
from cxrreport.model.together import mine, rank, total, whole
from cxrreport.training import network_stage, pair_stage, prior_stage, ranks, towers_stage, upright_stage
from cxrreport.training.encoder_stage import EncoderStage
from cxrreport.training.network_stage import NetworkStage
from cxrreport.training.recipe import Round
from cxrreport.training.trainer import train

SAID = {"report": "The heart is normal. New left pleural effusion.", "prior_report": "No change. The lungs are clear."}
STAGES = {  # and what of a checkpoint is to be near: the averages, where there are some
    "encoder": ("encoder-1", "encoder/"),
    "towers": ("towers", "towers/"),
    "network": ("network", "average/mean"),
    "temporal": ("temporal", "average/mean"),
    "prior": ("prior", "average/mean"),
    "upright": ("upright", "average/mean"),
}


def _plain(patch):
    """Without dropout and Gumbel noise, which are each process's own, and in float32: what is left must be equal."""
    attend = F.scaled_dot_product_attention
    patch.setattr(F, "dropout", lambda x, *_, **__: x)
    patch.setattr(F, "gumbel_softmax", lambda logits, tau=1.0: (logits / tau).softmax(-1))
    patch.setattr(F, "scaled_dot_product_attention", lambda *a, dropout_p=0.0, **k: attend(*a, **k))
    for stage in (towers_stage, network_stage, pair_stage, prior_stage):
        patch.setattr(stage, "mixed_precision", lambda device: torch.autocast(device.type, enabled=False))


@pytest.fixture(autouse=True, scope="module")
def _made_up():
    """Studies, films and pairs of noise, few of each."""
    films, encode = random_films(13, positive=None, known=None, seed=4), pairs_module.encode_pairs
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(READERS, "noise", read_noise)
        patch.setitem(IMAGE_READERS, "noise", lambda _, split: films[:9] if split == "train" else films[9:])
        patch.setattr(start_module, "load_vocabulary", lambda: VOCABULARY)
        patch.setattr(pairs_module, "training_pairs", lambda *_: drawn_pairs(7, 1, "phantom", **SAID))
        patch.setattr(pairs_module, "validation_pairs", lambda *_: drawn_pairs(4, 2, "phantom", **SAID))
        patch.setattr(pairs_module, "encode_pairs", lambda d, pairs, bank, _: encode(d, pairs, bank, 0, leave_apart))
        patch.setattr(upright_stage, "_LEGS", 6)
        _plain(patch)
        yield


def _options(out, **changes):
    """Every stage, in batches of five, which two processes cannot halve."""
    epochs = {f"{name}_epochs": 1 for name in ("towers", "view", "network", "pair", "prior", "upright")}
    epochs |= {"encoder_rounds": [Round()], "encoder_batch": 5}
    films = {"films": "noise", "films_directory": Path("/nowhere")}
    return train_options(out, **{**films, **epochs, "batch": 5, "copies": 2, "checkpoint_minutes": 0.0, **changes})


def _quietly(out, **changes):
    return train(_options(out, **changes), lambda _: None)


def _losses(out):
    lines = told_lines(out)
    return {line["stage"]: {k: v for k, v in line.items() if "loss" in k} for line in lines if line["stage"] in STAGES}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process learns."""
    out = tmp_path_factory.mktemp("alone")
    _quietly(out)
    return out


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Where two processes were when the second one heard SIGTERM, in the middle of the second of three steps of the network."""
    out, step, steps = tmp_path_factory.mktemp("stopped"), NetworkStage._step, []

    def heard(self, *arguments):
        steps.append(1)
        if len(steps) == 2 and rank() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)  # whoever has told torchrun too
        return step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetworkStage, "_step", heard)
        assert run_ranks(2, lambda: _quietly(out)) == [143, 143]
    return out


@pytest.mark.parametrize("count", [1, 2])
def test_two_processes_learn_as_one_and_a_run_goes_on_with_either_number(alone, stopped, tmp_path, count):
    out = Path(shutil.copytree(stopped, tmp_path / "run"))
    assert told_lines(out)[-1]["stage"] == "encoded"
    assert run_ranks(count, lambda: _quietly(out)) == [0] * count
    ours, theirs = _losses(out), _losses(alone)
    assert set(ours) == set(theirs) == set(STAGES)
    for name, (checkpoint, prefix) in STAGES.items():
        assert ours[name] == pytest.approx(theirs[name], rel=2e-3), name
        _assert_near(*(load_file(run / f"{checkpoint}.safetensors") for run in (out, alone)), prefix)
    assert sorted(x.name for x in (out / "best").iterdir()) == sorted(x.name for x in (alone / "best").iterdir())


def _assert_near(ours, theirs, prefix):
    """The weights, on the whole: where the gradient is 0 but for rounding, Adam takes a step all the same."""
    weights = [key for key in theirs if key.startswith(prefix) and theirs[key].is_floating_point()]
    one, other = (torch.cat([tensors[key].flatten() for key in weights]) for tensors in (ours, theirs))
    assert len(one) > 1000 and (one - other).norm() < 2e-3 * other.norm()


def test_a_process_that_dies_ends_the_others_at_once_and_they_say_so(tmp_path, monkeypatch):
    def killed(stage, films):
        if rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(stage, films)

    def work():
        with pytest.raises(UnavailableError) as caught:
            _quietly(tmp_path)
        assert caught.value.code == "training.lost" and caught.value.exit_code == 69

    step = EncoderStage._step
    monkeypatch.setattr(EncoderStage, "_step", killed)
    assert run_ranks(2, work) == [0, -signal.SIGKILL]


def test_what_is_brought_together_has_the_gradient_of_one_process(tmp_path):
    """Parts of 3 and 2 rows: a mean, a product of all with all, and a sum over the processes."""
    x = torch.arange(10.0).view(5, 2).sin()

    def loss(rows, w):
        y = whole(rows * w)
        return (y @ y.T).exp().mean() + total((rows * w).square().sum()) / total(torch.tensor(len(rows)))

    def work():
        with ranks.joined("cpu", 5):
            w = torch.nn.Parameter(torch.tensor([0.5, -1.0]))
            learn = ranks.share([w])
            found = learn(lambda: [loss(x[mine(5)], w)])[0]
            found.backward()
            (tmp_path / f"{rank()}.json").write_text(json.dumps([found.item(), *w.grad.tolist()]))

    assert run_ranks(2, work) == [0, 0]
    w = torch.nn.Parameter(torch.tensor([0.5, -1.0]))
    expected = loss(x, w)
    expected.backward()
    for number in range(2):
        found = json.loads((tmp_path / f"{number}.json").read_text())
        assert found == pytest.approx([expected.item(), *w.grad.tolist()], rel=1e-5)


def test_each_process_computes_with_the_threads_that_the_user_names(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    def work():
        torch.set_num_threads(3)  # as torch itself does where the variable is set
        with ranks.joined("cpu", 2):
            assert torch.get_num_threads() == 3

    assert run_ranks(2, work) == [0, 0]


def test_parts_are_the_whole_once(monkeypatch):
    monkeypatch.setattr(together, "world", lambda: 3)
    for count in range(9):
        rows = []
        for number in range(3):
            monkeypatch.setattr(together, "rank", lambda number=number: number)
            rows += range(count)[mine(count)]
        assert rows == list(range(count))


def test_what_does_not_fit_is_refused_by_all(tmp_path, monkeypatch):

    def work(**changes):
        with pytest.raises(UsageError) as caught:
            _quietly(tmp_path / "run", **changes)
        (tmp_path / f"{caught.value.code}.{os.environ['RANK']}").touch()

    assert run_ranks(3, lambda: work(batch=2)) == [0, 0, 0]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert run_ranks(2, lambda: work(device="cuda:1")) == [0, 0]
    monkeypatch.setitem(READERS, "noise", lambda _, split: read_noise(_, split)[: 6 - rank()])
    assert run_ranks(2, work) == [0, 0]
    expected = {("training.processes", 3), ("device.shared", 2), ("training.unlike", 2)}
    assert {f.name for f in tmp_path.iterdir()} == {
        f"{code}.{rank}" for code, count in expected for rank in range(count)
    }
