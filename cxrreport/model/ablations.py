"""The rows of the papers' ablation tables as changes of a configuration (docs/model.md, Ablations)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cxrreport.model.config import DiffRGenNetConfig

# PromptMRG has neither FAM nor Feature Difference nor SCL; no report reaches its decoder.
_PROMPTMRG: Mapping[str, Any] = {
    "fam_attention": "transformer", "feature_difference": False, "scl": False, "fcc_weight": 0.0,
    "reports_in_memory": False,
}  # fmt: skip
# The layers of Figure A follow p = (2, 4): the first routes between two windows, the others among four.
ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "without-difference": {"feature_difference": False},  # Table 2
    "without-fam": {"fam_attention": "transformer"},  # Table 2, and Table A "Transformer"
    "without-scl": {"scl": False},  # Table 2
    "trar": {"fam_attention": "trar"},  # Table A
    "concat": {"fam_attention": "concat"},  # Table A
    "only-cosine": {"metrics": ("cos",), "diff_content": False},  # Table 3, App. C
    "only-l2": {"metrics": ("l2",), "diff_content": False},
    "only-dot": {"metrics": ("dot",), "diff_content": False},
    "one-layer": {"masks_per_layer": (2,)},  # Figure A
    "three-layers": {"masks_per_layer": (2, 4, 4)},
    "four-layers": {"masks_per_layer": (2, 4, 4, 4)},
    "five-layers": {"masks_per_layer": (2, 4, 4, 4, 4)},
    "literal-difference": {"diff_content": False},  # Eq. 1 without the content path
    "cyclic-anchor": {"anchor": "cyclic"},  # Eq. 6 as printed
    "hard-routing": {"binarize": True},  # TRAR's option
    "mpsa": {"fam_attention": "mpsa"},  # REVTAF Eq. 10-11
    "fcc": {"fcc_weight": 0.5},  # REVTAF's consistency loss
    "mpsa-fcc": {"fam_attention": "mpsa", "fcc_weight": 0.5},
    "promptmrg": {**_PROMPTMRG, "reports_in_classifier": False},  # encoder, classifier, state prompts and decoder
    "promptmrg-enhanced": _PROMPTMRG,  # its classifier reads the reports through plain attention, PromptMRG's nearest
}


def change(config: DiffRGenNetConfig, **changes: Any) -> DiffRGenNetConfig:
    """Return a copy of a configuration with some values changed.

    Raises
    ------
    ValueError : for a name that it does not have, or values that describe no network.
    """
    values = {name: value for name, value in config.to_diff_dict().items() if name != "model_type"}
    return DiffRGenNetConfig(**copy.deepcopy({**values, **changes}))


def ablate(config: DiffRGenNetConfig, name: str) -> DiffRGenNetConfig:
    """Return the configuration of one row of `ABLATIONS`.

    Raises
    ------
    ValueError : for a name that is none.
    """
    if name not in ABLATIONS:
        raise ValueError(f"An ablation is one of {', '.join(ABLATIONS)}.")
    return change(config, **ABLATIONS[name])
