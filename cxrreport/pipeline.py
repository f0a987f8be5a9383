"""The two main jobs, from end to end: `generate` drafts an export, `index` rebuilds retrieval. The stages meet only here."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport import DISCLAIMER
from cxrreport.drafting import draft_due
from cxrreport.due import Fit, Selection, find_due
from cxrreport.engine.local import LocalEngine
from cxrreport.errors import ConfigurationError, IndexFitError
from cxrreport.run import Run, open_run
from cxrreport.runlog import get_log
from cxrreport.scanning import classify_views, scan
from cxrreport.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from cxrreport.model.drafter import Drafter
    from cxrreport.retrieval.build import Index

Progress = Callable[[str, int], None]
_GENERATE = ("files", "images", "studies", "paired", "drafted", "unchanged")
_INDEX = (
    "reports",
    "added",
    "replaced",
    "unchanged",
    "withdrawn",
    "linked",
    "ambiguous",
    "relabelled",
    "indexed",
    "embedded",
    "films_embedded",
)


def load_drafter(settings: Settings) -> Drafter:
    """Verify and load the weights on the device that the settings ask for.

    Raises
    ------
    WeightsError, UnavailableError
    """
    from cxrreport.model.drafter import Drafter
    from cxrreport.model.generation import Decoding
    from cxrreport.model.weights import load_weights, resolve_device

    _return_freed_memory()
    device = resolve_device(settings.device)
    decoding = Decoding(beams=settings.beams, max_new_tokens=settings.max_new_tokens)
    drafter = Drafter(load_weights(settings.weights, device), decoding)
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
    from cxrreport.freshness import compare
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


def generate(
    settings: Settings, paths: Sequence[Path], selection: Selection, without_retrieval: bool, progress: Progress
) -> tuple[dict[str, Any], int]:
    """Scan, pair, draft, store. Weights and index are verified before anything is scanned.

    Returns the counts of `generate --json` and the exit code: 0, 3 (some files or studies failed) or 128 + signal.
    """
    with open_run(settings) as run:
        drafter = load_drafter(settings)
        index = None if without_retrieval else open_retrieval(settings, drafter, run.engine)
        run.details |= _provenance(drafter, index)
        with LocalEngine(settings.workers, settings.decode_timeout_s, settings.decode_memory_mb) as workers:
            scan(run, paths, progress)
            classify_views(run, drafter, workers, progress)
            fit = Fit(drafter.weights.sha256, index.manifest.version if index else "")
            _draft(run, selection, fit, drafter, index, workers, progress)
    return summary(run, _GENERATE), run.exit_code


def _draft(
    run: Run,
    selection: Selection,
    fit: Fit,
    drafter: Drafter,
    index: Index | None,
    workers: LocalEngine,
    progress: Progress,
) -> None:
    from cxrreport.composing import Composer
    from cxrreport.retrieving import Retriever

    name, undated = run.settings.retriever, run.settings.undated_reports
    retriever = Retriever(run.engine, index, name, drafter.retrieved, drafter.dimension, undated)
    draft_due(run, find_due(run, selection, fit), Composer(drafter, retriever), workers, progress)


def _provenance(drafter: Drafter, index: Index | None) -> dict[str, Any]:
    return {
        "disclaimer": DISCLAIMER,
        "weights": {"sha256": drafter.weights.sha256, "name": drafter.weights.manifest.get("name", "")},
        "index": asdict(index.manifest) if index else None,
        "decoding": asdict(drafter.decoding),
    }


def preview(
    settings: Settings, paths: Sequence[Path], selection: Selection, without_retrieval: bool, progress: Progress
) -> tuple[dict[str, Any], int]:
    """`generate --dry-run`: catalogue the export and count what would be drafted, without loading the network.

    Films whose view only the pixels can tell are left out of the counts; `unknown_view` says how many there are.
    """
    from cxrreport.store import catalogue
    from cxrreport.store.engine import session

    with open_run(settings) as run:
        scan(run, paths, progress)
        for due in find_due(run, selection, _expected_fit(settings, selection, without_retrieval)):
            run.counts.numbers["due"] += 1
            run.counts.numbers["paired"] += int(due.pair.prior is not None)
        with session(run.engine, read_only=True) as s:
            run.counts.numbers["unknown_view"] = catalogue.count_without_view(s)
    return summary(run, (*_GENERATE, "due", "unknown_view")), run.exit_code


def _expected_fit(settings: Settings, selection: Selection, without_retrieval: bool) -> Fit:
    """What a run would draft with, read from the manifests; the weights are asked only where they matter: torch is slow."""
    from cxrreport.retrieval import publish

    version = "" if without_retrieval else publish.current(settings.index_directory) or ""
    if selection.redo != "weights":
        return Fit("", version)
    from cxrreport.model.weights import default_directory, read_manifest, weights_sha256

    return Fit(weights_sha256(read_manifest(settings.weights or default_directory())), version)


def index(settings: Settings, paths: Sequence[Path], form: str, progress: Progress) -> tuple[dict[str, Any], int]:
    """Import signed reports (none: only those already in the database) and publish a new index of all of them."""
    from cxrreport.importing import import_reports
    from cxrreport.indexing import build_index
    from cxrreport.relabelling import relabel

    with open_run(settings) as run:
        drafter = load_drafter(settings)
        import_reports(run, paths, form, progress)
        relabel(run, progress)
        if not run.cancelled:
            with LocalEngine(settings.workers, settings.decode_timeout_s, settings.decode_memory_mb) as workers:
                build_index(run, drafter, workers, progress)
    return {**summary(run, _INDEX), "index": run.details.get("index")}, run.exit_code


def verify_index(settings: Settings) -> dict[str, Any]:
    """Check the serving index against its digests, the weights in use and the database.

    Raises
    ------
    IndexFitError, WeightsError : what does not fit, and the mend.
    """
    from cxrreport.freshness import compare
    from cxrreport.model.weights import default_directory, read_manifest, weights_sha256
    from cxrreport.retrieval.build import open_index
    from cxrreport.run import open_archive

    weights = weights_sha256(read_manifest(settings.weights or default_directory()))
    index = open_index(settings.index_directory, model_sha256=weights)
    if index is None:
        raise IndexFitError("There is no retrieval index: build one with `cxrreport index`.", "index.missing")
    with open_archive(settings) as engine:
        found = compare(engine, index, films=True)
    return {**asdict(index.manifest), "stale": found.stale, "stale_films": found.stale_films}


def roll_back_index(settings: Settings) -> dict[str, Any]:
    """Let the newest whole version of these weights before the serving one serve again.

    Raises
    ------
    IndexFitError : there is none.
    """
    from cxrreport.model.weights import default_directory, read_manifest, weights_sha256
    from cxrreport.retrieval.versions import roll_back

    weights = weights_sha256(read_manifest(settings.weights or default_directory()))
    return asdict(roll_back(settings.index_directory, weights))


def summary(run: Run, names: Sequence[str]) -> dict[str, Any]:
    """Counts of a run as its JSON document; every name is present."""
    return {"run": run.id, **{name: run.counts.numbers[name] for name in names}, **run.counts.as_dict()}
