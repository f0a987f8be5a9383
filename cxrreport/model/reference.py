"""How far films lie from those that weights have learnt from, by the features that the network sees anyway.

Groups of training films (a collection and its views) are Gaussians of one covariance, and a film has the Mahalanobis distance
to the nearest of them (Lee et al., NeurIPS 2018), of features brought to unit length (Mueller and Hein, ICML 2025). Of the
covariance a few directions are kept, and in all others films vary alike (Tipping and Bishop, J R Stat Soc B 1999).
docs/trust.md tells how it is fitted and what it finds. numpy only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cxrreport.errors import WeightsError
from cxrreport.model.manifest import is_fitted

REFERENCE = "reference.safetensors"
Floats = npt.NDArray[np.float32]
_OTHER = "weights.reference"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The groups, of features of width C and unit length.

    means (g, C). basis (k, C) : directions of unit length in which films of a group differ most; variance (k,) along each.
    rest (1,) : variance along every other direction. bound (1,) : the distance that is told as 1. network : digest of the
    network whose features these are, as bytes (32,).
    """

    means: Floats
    basis: Floats
    variance: Floats
    rest: Floats
    bound: Floats
    network: npt.NDArray[np.uint8]

    def distances(self, pooled: Floats) -> Floats:
        """How far films with the features (n, C) lie, (n,): 0 or more, and 1 at the bound of ordinary ones."""
        apart = unit(pooled)[:, None] - self.means  # (n, g, C)
        along = apart @ self.basis.T  # (n, g, k)
        left = np.maximum((apart**2).sum(-1) - (along**2).sum(-1), 0)  # (n, g)
        squared = (along**2 / self.variance).sum(-1) + left / self.rest
        found: Floats = np.sqrt(squared.min(1)) / self.bound
        return found

    @property
    def content(self) -> bytes:
        """The bytes of its file: half precision is enough for means and directions."""
        return save(
            {
                "means": np.ascontiguousarray(self.means, np.float16),
                "basis": np.ascontiguousarray(self.basis, np.float16),
                "variance": np.asarray(self.variance, np.float32),
                "rest": np.asarray(self.rest, np.float32),
                "bound": np.asarray(self.bound, np.float32),
                "network": self.network,
            }
        )

    @property
    def sha256(self) -> str:
        """What a manifest names it by."""
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def shipped(cls, directory: Path, manifest: Mapping[str, Any]) -> Reference | None:
        """That of a weights directory; None where none was fitted.

        Raises
        ------
        WeightsError : it cannot be read, or is not the one that the manifest names, of this network.
        """
        if "reference" not in manifest:
            return None
        try:
            content = (directory / REFERENCE).read_bytes()
        except OSError as error:
            raise WeightsError("The groups of training films cannot be read.", _OTHER) from error
        found = cls.parse(content)
        if not is_fitted(manifest, "reference", content, found.network.tobytes().hex()):
            raise WeightsError("The groups of training films are not the ones of these weights.", _OTHER)
        return found

    @classmethod
    def parse(cls, content: bytes) -> Reference:
        """Read the bytes of a file.

        Raises
        ------
        WeightsError : they are damaged.
        """
        try:
            tensors = load(content)
            numbers = {name: tensors[name].astype(np.float32) for name in cls.__slots__ if name != "network"}
            found = cls(**numbers, network=tensors["network"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise WeightsError("The groups of training films are damaged.", _OTHER) from error
        found.check()
        return found

    def check(self) -> None:
        """Refuse what gives no distances.

        Raises
        ------
        WeightsError : shapes that do not fit, or numbers that are none.
        """
        (groups, width), (directions, other) = self.means.shape, self.basis.shape
        fits = groups and width == other and self.variance.shape == (directions,)
        scales = np.concatenate([self.variance, self.rest, self.bound])
        if not (fits and self.rest.shape == self.bound.shape == (1,) and (scales > 0).all()):
            raise WeightsError("The groups of training films are damaged.", _OTHER)


def unit(pooled: Floats) -> Floats:
    """Features (n, C) of unit length: how bright a film is says little of what it shows."""
    found: Floats = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-6)
    return found
