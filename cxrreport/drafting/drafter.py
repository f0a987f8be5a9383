"""The network that drafts: its weights verified and loaded, given the words that compare."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cxrreport.imaging.upright import Upright
from cxrreport.log import get_log
from cxrreport.model.calibration import Calibration
from cxrreport.model.drafter import Drafter
from cxrreport.model.encoder import fold_norms
from cxrreport.model.generation import Decoding
from cxrreport.model.manifest import NETWORK
from cxrreport.model.threads import limit_threads
from cxrreport.model.weights import Weights, load_weights, resolve_device
from cxrreport.reports.qualifiers import compares_always
from cxrreport.settings import Settings


def load_drafter(settings: Settings) -> Drafter:
    """Verify and load the weights on the first device of the settings, with the calibration of the home if it has one.

    From here on this process computes with one thread (`limit_threads`).

    Raises
    ------
    WeightsError, UnavailableError
    """
    _return_freed_memory()
    limit_threads()
    device = resolve_device(settings.devices[0])
    decoding = Decoding(beams=settings.beams, max_new_tokens=settings.max_new_tokens)
    weights = load_weights(settings.weights, device)
    drafter = open_drafter(_calibrated(weights, settings.home), decoding)
    hasten(drafter)
    if device == "cpu" and settings.device == "auto":
        get_log().warning("device.cpu", device=device)  # say loudly that no GPU is used
    return drafter


def open_drafter(weights: Weights, decoding: Decoding | None = None) -> Drafter:
    """A drafter that never writes a word of comparison without a prior."""
    return Drafter(weights, decoding, weights.tokenizer.words(compares_always))


def hasten(drafter: Drafter) -> None:
    """Lay the weights out for drafting alone; they can neither learn nor be saved from then on."""
    fold_norms(drafter.network.encoder)
    drafter.pack()


def _calibrated(weights: Weights, home: Path) -> Weights:
    """The weights with the archive's own calibration, where it has one."""
    own = Calibration.own(home, weights.manifest["files"][NETWORK])
    return replace(weights, calibration=own) if own else weights


def upright_reader(weights: Weights) -> Upright | None:
    """What tells how images lie, for the processes that decode them; None where the weights have no such part."""
    return Upright(weights.upright.arrays()) if weights.upright is not None else None


def _return_freed_memory() -> None:
    """Have glibc give blocks from 1 MiB on back at once: tensors of ever other shapes would fragment its heap for good."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 20)  # M_MMAP_THRESHOLD; setting it stops glibc from raising it by itself
        libc.mallopt(-1, 1 << 20)  # M_TRIM_THRESHOLD
