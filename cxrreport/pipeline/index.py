"""The job `index`: import signed reports, label them, publish a new version of the retrieval index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cxrreport.engine.local import LocalEngine
from cxrreport.errors import IndexFitError
from cxrreport.log import Progress
from cxrreport.pipeline.opening import load_drafter, summary
from cxrreport.pipeline.run import open_run
from cxrreport.settings import Settings

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


def index(settings: Settings, paths: Sequence[Path], form: str, progress: Progress) -> tuple[dict[str, Any], int]:
    """Import signed reports (none: only those already in the database) and publish a new index of all of them."""
    from cxrreport.pipeline.embed import build_index
    from cxrreport.pipeline.import_reports import import_reports
    from cxrreport.pipeline.relabel import relabel

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
    from cxrreport.model.manifest import default_directory, read_manifest, weights_sha256
    from cxrreport.pipeline.freshness import compare
    from cxrreport.retrieval.build import open_index
    from cxrreport.store.engine import open_archive

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
    from cxrreport.model.manifest import default_directory, read_manifest, weights_sha256
    from cxrreport.retrieval.versions import roll_back

    weights = weights_sha256(read_manifest(settings.weights or default_directory()))
    return asdict(roll_back(settings.index_directory, weights))
