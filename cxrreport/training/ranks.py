"""The processes of one training: who this one is, which part of a batch is its own, and what the first one alone does.

`torchrun` starts them and says so in the environment. Every process has all samples, draws the same random numbers for the
whole batch and steps with the same gradient, so that all hold the same weights all the time; only what noise there is
within the network is each one's own. The first one alone writes, validates and tells.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist

from cxrreport.errors import UnavailableError, UsageError
from cxrreport.model.threads import limit_threads
from cxrreport.model.together import rank, shared, world
from cxrreport.model.weights import resolve_device

_NAMED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # by torchrun, in the environment
_HERE = ("127.0.0.1", "localhost")
_PATIENCE = timedelta(days=1)  # the others wait while the first one validates; who is gone is noticed without it
T = TypeVar("T")


def _started() -> int:
    """How many processes were started to train together."""
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in _NAMED) else 1


def leads() -> bool:
    """Whether this is the first process, or the only one; also when they have parted."""
    return _started() == 1 or os.environ["RANK"] == "0"


@contextmanager
def joined(device: str, batch: int) -> Iterator[str]:
    """Meet the other processes that the environment names, if any; gives the device of this one. batch : samples of a step.

    Raises
    ------
    UsageError : one device is named for all of them, or there are more of them than samples in a step.
    UnavailableError : from what is done within, where another process has ended.
    """
    if _started() == 1:
        yield resolve_device(device)
        return
    if _started() > batch:
        raise UsageError(f"{_started()} processes cannot share a batch of {batch}.", "training.processes")
    device = _own_device(device)
    if os.environ["MASTER_ADDR"] in _HERE and any(name == "lo" for _, name in socket.if_nameindex()):
        for library in ("GLOO", "NCCL"):
            os.environ.setdefault(f"{library}_SOCKET_IFNAME", "lo")  # nobody outside is to reach it
    if device == "cpu":
        limit_threads()
    else:
        torch.cuda.set_device(device)
    dist.init_process_group("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl", timeout=_PATIENCE)
    try:
        yield device
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        raise UnavailableError("Another process of the training is gone: start it again.", "training.lost") from None
    finally:
        dist.destroy_process_group()


def _own_device(asked: str) -> str:
    """The GPU of this process's number on its machine, or the CPU."""
    found = resolve_device(asked)
    if found == "cpu":
        return found
    if ":" in asked:
        raise UsageError(
            "Each of several processes takes a GPU of its own: --device auto, cuda or cpu.", "device.shared"
        )
    return resolve_device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")


# -- a step ------------------------------------------------------------------------------------------------------------


def least_batch() -> int:
    """Samples that a batch must have: of one alone batch norm knows nothing, and no process goes without."""
    return max(2, world())


def seed_noise(*numbers: int) -> None:
    """Let what is drawn within the network, dropout and Gumbel noise, hang on these numbers and on the process alone."""
    torch.manual_seed(int(np.random.SeedSequence([*numbers, rank()]).generate_state(1, np.uint64)[0] >> 1))


class Shared(nn.Module):
    """Computes losses so that the gradient of `learnt`, going back from them, is the mean over the processes."""

    def __init__(self, learnt: Iterable[nn.Parameter]) -> None:
        super().__init__()
        self.learnt = nn.ParameterList(learnt)

    def forward(self, compute: Callable[[], Sequence[Tensor]]) -> tuple[Tensor, ...]:
        """compute : losses of the whole batch, see `model.together`."""
        with shared():
            return tuple(compute())


def share(learnt: Iterable[nn.Parameter]) -> nn.Module:
    """`Shared` in torch's DistributedDataParallel, where there are several processes. It starts them with equal weights."""
    losses = Shared(learnt)
    if world() == 1:
        return losses
    return nn.parallel.DistributedDataParallel(losses, find_unused_parameters=True)


def any_of(flag: bool) -> bool:
    """Whether any process says so."""
    if world() == 1:
        return flag
    said = torch.tensor(float(flag))
    dist.all_reduce(said, dist.ReduceOp.MAX)
    return bool(said)


# -- between the steps -------------------------------------------------------------------------------------------------


def wait() -> None:
    """Until all processes are here, and what the first one has written lies there for all."""
    any_of(False)


def first(work: Callable[[], T]) -> T:
    """Let the first process work, and then the others, who find what it has left."""
    if leads():
        found = work()
        wait()
        return found
    wait()
    return work()


@torch.no_grad()
def copy_first(tensors: Iterable[Tensor]) -> None:
    """Put the first process's values into these tensors of all."""
    if world() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def check_alike(facts: Any) -> None:
    """Refuse to learn together where not all processes know the same, such as studies.

    Raises
    ------
    UsageError : in all of them, one does not know what the first one does.
    """
    own = torch.frombuffer(bytearray(hashlib.sha256(json.dumps(facts).encode()).digest()), dtype=torch.uint8)
    firsts = own.clone()
    copy_first([firsts])
    if any_of(not torch.equal(own, firsts)):
        said = "The processes do not find the same studies: start them with the same options, data and run directory."
        raise UsageError(said, "training.unlike")
