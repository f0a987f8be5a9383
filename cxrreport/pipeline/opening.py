"""Open what a job needs: weights, the retrieval index, and its counts in the end."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cxrreport.errors import ConfigurationError, IndexFitError
from cxrreport.log import get_log
from cxrreport.pipeline.run import Run
from cxrreport.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from cxrreport.model.drafter import Drafter
    from cxrreport.retrieval.build import Index


def load_drafter(settings: Settings) -> Drafter:
    """Verify and load the weights on the device that the settings ask for.

    Raises
    ------
    WeightsError, UnavailableError
    """
    from cxrreport.drafting.drafter import open_drafter
    from cxrreport.model.generation import Decoding
    from cxrreport.model.weights import load_weights, resolve_device

    _return_freed_memory()
    device = resolve_device(settings.device)
    decoding = Decoding(beams=settings.beams, max_new_tokens=settings.max_new_tokens)
    drafter = open_drafter(load_weights(settings.weights, device), decoding)
    if device == "cpu" and settings.device == "auto":
        get_log().warning("device.cpu", device=device)  # say loudly that no GPU is used
    return drafter


def _return_freed_memory() -> None:
    """Have glibc give blocks from 1 MiB on back at once: tensors of ever other shapes would fragment its heap for good."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 20)  # M_MMAP_THRESHOLD; setting it stops glibc from raising it by itself
        libc.mallopt(-1, 1 << 20)  # M_TRIM_THRESHOLD


def open_retrieval(settings: Settings, drafter: Drafter, engine: Engine) -> Index:
    """Open the published index.

    Raises
    ------
    IndexFitError : there is none, it is damaged, it was built with other weights or for another database, or it holds no
        vector that the retriever of the settings searches.
    ConfigurationError : the weights do not know that retriever.
    """
    from cxrreport.pipeline.freshness import compare
    from cxrreport.retrieval.build import open_index
    from cxrreport.retrieval.fusion import RETRIEVERS

    spaces = set(RETRIEVERS[settings.retriever])
    if not spaces <= set(drafter.spaces):
        raise ConfigurationError(
            f"These weights hold no {settings.retriever} retriever: choose another one with --retriever.",
            "configuration.retriever",
        )

    index = open_index(settings.index_directory, model_sha256=drafter.weights.sha256)
    if index is None:
        raise IndexFitError(
            "There is no retrieval index: build one with `cxrreport index`, or pass --without-retrieval.",
            "index.missing",
        )
    by_films = settings.retriever != "text"
    found = compare(engine, index, by_films)
    if found.stale:
        get_log().warning("index.stale", count=found.stale)
    if found.stale_films:
        get_log().warning("index.stale_films", count=found.stale_films)
    if not spaces & set(index.spaces):
        raise IndexFitError(
            "The index holds no films: run `cxrreport index` after their studies are catalogued, or use --retriever text.",
            "index.no_films",
        )
    if missing := spaces - set(index.spaces):
        get_log().warning("index.no_films", count=len(missing))
    return index


def summary(run: Run, names: Sequence[str]) -> dict[str, Any]:
    """Counts of a run as its JSON document; every name is present."""
    return {"run": run.id, **{name: run.counts.numbers[name] for name in names}, **run.counts.as_dict()}
