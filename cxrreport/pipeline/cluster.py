"""Drafting on a Ray cluster in the place of processes of this machine: who may join, and how many draft there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cxrreport.codes import CODES
from cxrreport.errors import ConfigurationError
from cxrreport.pipeline.drafters import EACH, Drafters, choose_drafters
from cxrreport.pipeline.run import Run
from cxrreport.settings import Settings

if TYPE_CHECKING:
    from cxrreport.engine.ray import Cluster, Needs
    from cxrreport.engine.spread import Spread


@contextmanager
def join(run: Run) -> Iterator[Cluster | None]:
    """The cluster that a run drafts on, until the block ends; None where it drafts on this machine.

    Raises
    ------
    ConfigurationError : Ray is not installed, has another token, or several machines would share a file of SQLite.
    UnavailableError : it does not answer.
    """
    settings = run.settings
    if settings.engine == "local":
        yield None
        return
    try:
        from cxrreport.engine.ray import Cluster
    except ImportError:
        raise _refusal("cluster.extra") from None
    children = _children(settings, gpus=False)
    with Cluster(settings.ray_address, (settings.drafters or 0) * (1 + children) or None) as cluster:
        if cluster.machines > 1 and run.engine.dialect.name == "sqlite":
            raise _refusal("cluster.database")
        yield cluster


@dataclass(frozen=True, slots=True)
class ClusterDrafters(Drafters):
    """Actors of the cluster in the place of processes."""

    @property
    def needs(self) -> Needs:
        """What each takes: a core, one more for each child that reads, and a GPU where it has one."""
        from cxrreport.engine.ray import Needs

        return Needs(1 + self.workers, int(self.device != "cpu"))

    def engines(self, cancelled: Callable[[], bool]) -> tuple[Spread, Spread]:
        """As `Drafters.engines`, on the cluster."""
        from cxrreport.engine.ray import RayEngine

        many = RayEngine(self.needs, self.count, cancelled=cancelled)
        return many, RayEngine(self.needs, 1, ahead=False, cancelled=cancelled)


def choose(run: Run, due: int, cluster: Cluster | None) -> Drafters:
    """As `choose_drafters`; on a cluster as many as there is room for.

    Raises
    ------
    UnavailableError : `cluster.room`: no machine has what one needs.
    """
    settings = run.settings
    if cluster is None:
        return choose_drafters(settings, due)
    gpus = settings.device != "cpu" and cluster.has_gpus
    device, workers = "cuda:0" if gpus else "cpu", _children(settings, gpus)
    one = ClusterDrafters(({},), device, workers)
    count = settings.drafters or min(cluster.room(one.needs), max(1, due // EACH))
    return replace(one, environments=({},) * count)


def _children(settings: Settings, gpus: bool) -> int:
    """That read beside each: on a CPU one keeps up with the network."""
    return settings.workers if gpus else min(settings.workers, 1)


def _refusal(code: str) -> ConfigurationError:
    return ConfigurationError(CODES[code].sentence, code)
