"""Groups of training films, made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cxrreport.model.manifest import NETWORK, read_manifest
from cxrreport.model.reference import Reference
from cxrreport.trust.reference import fit, write_reference


def made_up_reference(width: int = 12, network: str = "00" * 32, seed: int = 3) -> Reference:
    """Two groups of 40 films."""
    rng = np.random.default_rng(seed)
    groups = {name: rng.normal(place, 0.3, (40, width)).astype(np.float32) for name, place in (("a", 1.0), ("b", -1.0))}
    return fit(groups, groups, network)


def strange(weights: Path, width: int) -> None:
    """Have a weights directory whose features are that wide call every film unusual."""
    found = made_up_reference(width, read_manifest(weights)["files"][NETWORK])
    write_reference(weights, replace(found, bound=np.full(1, 1e-6, np.float32)))
