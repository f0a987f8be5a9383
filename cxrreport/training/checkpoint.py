"""Checkpoints of a training stage, so that a killed run goes on where it was last saved. Safetensors, no pickle."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from cxrreport.errors import UsageError
from cxrreport.files import atomic
from cxrreport.training.descent import Descent
from cxrreport.training.ranks import leads, seed_noise
from cxrreport.training.stopping import Stopping

Draw = Callable[[], Iterable[list[int]]]  # the batches of an epoch
Step = Callable[[list[int]], Tensor]  # losses of one batch, after a step of the optimizer


def _state(module: nn.Module) -> dict[str, Tensor]:
    """The state of a module with those buffers that are not saved with weights, such as the queue of L_SCL."""
    return {**dict(module.named_buffers()), **module.state_dict()}


def _fill(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Put `_state` back. A buffer that is no weight may have another length."""
    saved = module.state_dict().keys()
    module.load_state_dict({key: value for key, value in state.items() if key in saved or key not in _state(module)})
    for key, value in state.items():
        if key not in saved:
            owner, _, name = key.rpartition(".")
            part = module.get_submodule(owner)
            setattr(part, name, value.to(getattr(part, name).device))


def _fill_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict[str, Any]]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, kind = key.split("/")
            moments.setdefault(int(index), {})[kind] = value
    own = optimizer.state_dict()["param_groups"]
    merged = [{**one, **saved} for one, saved in zip(own, groups, strict=True)]
    optimizer.load_state_dict({"state": moments, "param_groups": merged})


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A checkpoint to read and to fill a run from.

    Raises
    ------
    UsageError : it is damaged, or of another version of the stage.
    """
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError):
        said = (
            f"The {path.name} of the run directory is damaged or of another version: remove it or name another --out."
        )
        raise UsageError(said) from None


def finished_epochs(path: Path) -> int:
    """How many epochs a checkpoint holds; 0 where there is none."""
    if not path.exists():
        return 0
    with _opened(path) as file:
        return int(json.loads(file.metadata()["facts"]).get("epoch", 0))


@dataclass(frozen=True, slots=True)
class Begun:
    """An epoch in hand: state of the generator at its beginning, batches done, sums of their losses."""

    start: Tensor
    done: int
    sums: list[float] | float


def _finite(losses: Tensor) -> Tensor:
    if not losses.isfinite().all():
        said = "The loss is no number any more: go on with a lower learning rate in another --out."
        raise UsageError(said, "training.diverged")
    return losses


class Checkpoint:
    """The file of one stage, if it is of a run: written after each epoch and, within one, every `minutes` (0: never).

    It holds all random numbers, or what they hang on, so that a killed run ends with the very weights of a whole one (on
    the CPU; a GPU adds up in ever other orders). Of several processes the first one writes, and all read: a run goes on
    with however many there are then.
    """

    def __init__(
        self,
        path: Path | None,
        modules: dict[str, nn.Module],
        descent: Descent,
        generator: torch.Generator,
        minutes: float = 0,
    ) -> None:
        self.path, self.modules, self.descent, self.generator = path, modules, descent, generator
        self.minutes, self.epochs = minutes, 0
        self._begun: Begun | None = None
        self._saved = time.monotonic()

    def remaining(self, count: int) -> Iterator[int]:
        """Numbers, from 1, of the epochs that are left of `count`. Each is saved when the next one is asked for."""
        for epoch in range(self.resume() + 1, count + 1):
            yield epoch
            self.finish(epoch)

    def resume(self) -> int:
        """Go on with what was last saved; returns how many epochs are finished, 0 where the run begins."""
        if self.path is not None and self.path.exists():
            with _opened(self.path) as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
                self._go_on(tensors, json.loads(file.metadata()["facts"]))
        return self.epochs

    def _go_on(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        for name, module in self.modules.items():
            _fill(module, {k.partition("/")[2]: v for k, v in tensors.items() if k.startswith(f"{name}/")})
        _fill_optimizer(self.descent.optimizer, tensors, facts["groups"])
        if not 0 <= facts["steps"] <= self.descent.schedule.total_steps:
            raise ValueError
        self.descent.schedule.last_epoch = facts["steps"]
        self.generator.set_state(_bytes(facts["generator"]))
        if begun := facts.get("begun"):
            self._begun = Begun(_bytes(begun["start"]), begun["done"], begun["sums"])
        self.epochs = int(facts["epoch"])

    def finish(self, epochs: int) -> None:
        """Save after an epoch."""
        self.epochs = epochs
        self._save(None)

    def run_epoch(self, draw: Draw, step: Step) -> Tensor:
        """One pass: `step` over the batches of `draw`, or over those that an interrupted pass has left.

        Returns the mean of what the steps return. The batches must hang on the generator alone.

        Raises
        ------
        UsageError : a loss is no number any more; the checkpoint stays as it was before.
        SystemExit : a signal asked for the end; the step in hand is saved.
        """
        now = self.generator.get_state()
        begun = self._begun or Begun(now, 0, 0.0)
        self._begun = None
        self.generator.set_state(begun.start)
        batches = list(draw())
        if begun.done:
            self.generator.set_state(now)
        sums, stopping = torch.tensor(begun.sums), Stopping()
        with stopping.listening():
            for done, rows in enumerate(batches[begun.done :], start=begun.done + 1):
                seed_noise(self.generator.initial_seed(), self.descent.schedule.last_epoch)
                sums = sums + _finite(step(rows))
                asked = stopping.asked()
                if asked or (self.minutes and time.monotonic() - self._saved >= self.minutes * 60):
                    self._save(Begun(begun.start, done, sums.tolist()))
                if asked:
                    raise SystemExit(stopping.exit_code)
        return sums / len(batches)

    def _save(self, begun: Begun | None) -> None:
        self._saved = time.monotonic()
        if self.path is None or not leads():
            return
        optimizer = self.descent.optimizer
        facts: dict[str, Any] = {
            "epoch": self.epochs,
            "steps": self.descent.schedule.last_epoch,
            "generator": self.generator.get_state().tolist(),
            "groups": [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups],
        }
        if begun is not None:
            facts["begun"] = {"start": begun.start.tolist(), "done": begun.done, "sums": begun.sums}
        tensors = {
            f"{name}/{key}": value for name, module in self.modules.items() for key, value in _state(module).items()
        }
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{key}": torch.as_tensor(value) for key, value in state.items()}
        unique = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        with atomic(self.path) as file:
            save_file(unique, file, metadata={"facts": json.dumps(facts)})


def _bytes(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8)
