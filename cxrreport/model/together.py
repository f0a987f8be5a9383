"""What hangs on a whole batch while several processes learn from parts of it; elsewhere all of it does nothing.

Within `shared` every process computes the same losses of the whole batch from what `whole` and `total` bring together. So
their gradient is the same everywhere and asks for no exchange: it counts once for each process, and the mean over the
processes that torch's DistributedDataParallel takes is the gradient of one process that has the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

_shared = False


def world() -> int:
    """How many processes learn together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if world() > 1 else 0


def mine(count: int) -> slice:
    """This process's share of the rows of a batch of so many: an equal one, or one more in the first processes."""
    size, more = divmod(count, world())
    start = rank() * size + min(rank(), more)
    return slice(start, start + size + (rank() < more))


@contextmanager
def shared() -> Iterator[None]:
    """What is computed within is of this process's part of a batch; every process of the group must enter."""
    global _shared
    before, _shared = _shared, world() > 1
    try:
        yield
    finally:
        _shared = before


def whole(rows: Tensor) -> Tensor:
    """The rows (n, ...) of all processes in their order, however many each has; numbers with gradient."""
    if not _shared:
        return rows
    found: Tensor = _Whole.apply(rows)  # type: ignore[no-untyped-call]
    return found


def total(part: Tensor) -> Tensor:
    """Sum over the processes of a tensor of which each has a summand."""
    if not _shared:
        return part
    found: Tensor = _Total.apply(part)  # type: ignore[no-untyped-call]
    return found


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        counts = torch.zeros(world(), dtype=torch.long, device=rows.device)
        counts[rank()] = len(rows)
        dist.all_reduce(counts)
        sizes = counts.tolist()
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        ctx.start, ctx.count = sum(sizes[: rank()]), len(rows)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient[ctx.start : ctx.start + ctx.count] * world()


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        return _summed(part)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient * world()


class _Sum(torch.autograd.Function):
    """As `total` of what each process uses in another way, so that the gradients are summed as well."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        return _summed(part)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return _summed(gradient)


def _summed(part: Tensor) -> Tensor:
    found = part.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(found)
    return found


# -- batch norm --------------------------------------------------------------------------------------------------------


def join_norms(network: nn.Module) -> None:
    """Let the batch norms of a network take the statistics of the whole batch within `shared`.

    `torch.nn.SyncBatchNorm` would do it on GPUs alone. Weights, buffers and names stay; a norm still is what it was.
    """
    for module in network.modules():
        if type(module) in _KINDS:
            module.__class__ = _KINDS[type(module)]


class _SharedNorm(nn.modules.batchnorm._BatchNorm):
    def forward(self, input: Tensor) -> Tensor:
        if not (_shared and self.training):
            found: Tensor = super().forward(input)
            return found
        return self._normalised(input.float()).to(input.dtype)

    def _normalised(self, x: Tensor) -> Tensor:
        """x (n, c, ...), n may be 0 here and not everywhere."""
        over = [axis for axis in range(x.ndim) if axis != 1]
        shape = (1, -1, *[1] * (x.ndim - 2))
        count = _summed(x.new_tensor(float(x.numel() // x.shape[1])))
        mean = _Sum.apply(x.sum(over)) / count  # type: ignore[no-untyped-call]
        centred = x - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(over)) / count  # type: ignore[no-untyped-call]
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        scaled = centred * torch.rsqrt(variance + self.eps).view(shape)
        normed: Tensor = scaled * self.weight.view(shape) + self.bias.view(shape)
        return normed

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1


class _Shared1d(_SharedNorm, nn.BatchNorm1d):
    pass


class _Shared2d(_SharedNorm, nn.BatchNorm2d):
    pass


_KINDS: dict[type[nn.Module], type[nn.Module]] = {nn.BatchNorm1d: _Shared1d, nn.BatchNorm2d: _Shared2d}
