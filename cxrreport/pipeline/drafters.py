"""How many processes draft side by side, on what, and how many children read for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cxrreport.engine.machine import available_mb, cores
from cxrreport.engine.processes import Processes
from cxrreport.engine.spread import Spread
from cxrreport.model.weights import resolve_device
from cxrreport.settings import Settings

EACH = 20  # studies that are worth the start of a process
_MEMORY_MB = 1200  # of a process that drafts on the CPU, with the network of the package, and one that reads for it
_SEEN = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class Drafters:
    """Processes that draft: what each has in its environment; none where the run drafts itself.

    device : as each sees its own. workers : children that read for each.
    """

    environments: tuple[Mapping[str, str], ...]
    device: str
    workers: int

    @property
    def beside(self) -> bool:
        """Whether others than the run itself draft."""
        return bool(self.environments)

    @property
    def count(self) -> int:
        """How many draft."""
        return max(1, len(self.environments))

    def engines(self, cancelled: Callable[[], bool]) -> tuple[Spread, Spread]:
        """Where chunks are drafted side by side, and one after another. cancelled : whether the run was asked to stop."""
        many = Processes(self.environments, cancelled=cancelled)
        return many, Processes(self.environments[:1], ahead=False, cancelled=cancelled)

    def settings(self, run: Settings) -> Settings:
        """Those of one process."""
        return run.model_copy(update={"device": self.device, "workers": self.workers})


def choose_drafters(settings: Settings, due: int) -> Drafters:
    """As many as the settings say; else one a core or a GPU, as far as memory and studies go.

    The children that read are shared out on a CPU; beside each process with a GPU there are as many as the settings say.

    Raises
    ------
    UsageError, UnavailableError : a device that the settings name is none, or not here.
    """
    devices = [resolve_device(name) for name in settings.devices]
    gpus = [] if devices == ["cpu"] else [_alone(device) for device in devices]
    most = len(gpus) or min(cores(), available_mb() // _MEMORY_MB)
    count = settings.drafters or max(1, min(most, due // EACH))
    if count == 1:
        return Drafters((), devices[0], settings.workers)
    if gpus:
        return Drafters(tuple(gpus[number % len(gpus)] for number in range(count)), "cuda:0", settings.workers)
    return Drafters(({},) * count, "cpu", -(-settings.workers // count))


def _alone(device: str) -> dict[str, str]:
    """The environment in which a process sees one GPU, as its first."""
    number = int(device.partition(":")[2])
    seen = os.environ.get(_SEEN, "").split(",")
    return {_SEEN: seen[number] if number < len(seen) and seen[number] else str(number)}
