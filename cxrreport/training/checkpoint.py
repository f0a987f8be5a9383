"""Checkpoints of a training stage, so that a killed run goes on with its last finished epoch. Safetensors, no pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


class Stage(Protocol):
    """What has an optimizer and a schedule of its learning rate."""

    optimizer: torch.optim.AdamW
    schedule: torch.optim.lr_scheduler.OneCycleLR


def save_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer, facts: dict[str, Any]
) -> None:
    """Write modules, optimizer moments and JSON facts (epoch, schedule, generator state, …) in one atomic file."""
    tensors = {f"{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer/{index}/{key}": torch.as_tensor(value) for key, value in state.items()})
    groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    unique = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    temporary = path.with_suffix(".tmp")
    save_file(unique, temporary, metadata={"facts": json.dumps({**facts, "groups": groups})})
    os.replace(temporary, path)


def finished_epochs(path: Path) -> int:
    """How many epochs a checkpoint holds; 0 where there is none."""
    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as file:
        return int(json.loads(file.metadata()["facts"]).get("epoch", 0))


def load_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> dict[str, Any] | None:
    """Fill modules and optimizer from a checkpoint; returns its facts, or None where there is none."""
    if not path.exists():
        return None
    with safe_open(path, framework="pt") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["facts"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    for name, module in modules.items():
        module.load_state_dict({k.partition("/")[2]: v for k, v in tensors.items() if k.startswith(f"{name}/")})
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, kind = key.split("/")
            moments.setdefault(int(index), {})[kind] = value
    groups = [
        {**own, **saved} for own, saved in zip(optimizer.state_dict()["param_groups"], facts["groups"], strict=True)
    ]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    return facts


def resume(path: Path, modules: dict[str, Any], stage: Stage, generator: torch.Generator) -> int:
    """Go on with the last finished epoch; returns how many there are, 0 where the run begins."""
    facts = load_checkpoint(path, modules, stage.optimizer)
    if facts is None:
        return 0
    stage.schedule.last_epoch = facts["steps"]
    generator.set_state(torch.tensor(facts["generator"], dtype=torch.uint8))
    torch.set_rng_state(torch.tensor(facts["noise"], dtype=torch.uint8))  # dropout and Gumbel noise
    return int(facts["epoch"])


def keep(path: Path, modules: dict[str, Any], stage: Stage, generator: torch.Generator, epoch: int) -> None:
    """Checkpoint after an epoch, all random numbers included."""
    facts = {
        "epoch": epoch,
        "steps": stage.schedule.last_epoch,
        "generator": generator.get_state().tolist(),
        "noise": torch.get_rng_state().tolist(),
    }
    save_checkpoint(path, modules, stage.optimizer, facts)
