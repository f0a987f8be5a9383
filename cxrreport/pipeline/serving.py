"""The serving version of the retrieval index: opened for a run, verified, listed, rolled back.

None of it loads torch; FAISS is loaded only where an index is opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cxrreport.errors import ConfigurationError, IndexFitError
from cxrreport.log import get_log
from cxrreport.model.manifest import default_directory, read_manifest, weights_sha256
from cxrreport.retrieval import publish, versions
from cxrreport.retrieval.fusion import RETRIEVERS
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive
from cxrreport.trust.used import in_use

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from cxrreport.retrieval.build import Index

_MISSING = "There is no retrieval index: build one with `cxrreport index`"


def open_retrieval(settings: Settings, weights: str, known: Iterable[str], engine: Engine) -> Index:
    """Open the serving version for the retriever of the settings; say loudly what it does not hold.

    weights : digest of those in use. known : the spaces that they search.

    Raises
    ------
    IndexFitError : there is none, it is damaged, it was built with other weights or for another database, or it holds no
        vector that the retriever searches.
    ConfigurationError : the weights do not know that retriever.
    """
    from cxrreport.pipeline.freshness import compare
    from cxrreport.retrieval.build import open_index

    wanted = set(RETRIEVERS[settings.retriever])
    if not wanted <= set(known):
        raise ConfigurationError(
            f"These weights hold no {settings.retriever} retriever: choose another one with --retriever.",
            "configuration.retriever",
        )
    index = open_index(settings.index_directory, model_sha256=weights)
    if index is None:
        raise IndexFitError(f"{_MISSING}, or pass --without-retrieval.", "index.missing")
    found = compare(engine, index, images=settings.retriever != "text")
    if not wanted & set(index.spaces):
        raise IndexFitError(
            "The index holds no films: run `cxrreport index` after their studies are catalogued, or use --retriever text.",
            "index.no_films",
        )
    missing = {"stale": len(found.texts), "stale_films": len(found.films), "no_films": len(wanted - set(index.spaces))}
    for kind, count in missing.items():
        if count:
            get_log().warning(f"index.{kind}", count=count)
    return index


def verify_index(settings: Settings) -> dict[str, Any]:
    """Check the serving index against its digests, the weights in use and the database.

    Raises
    ------
    IndexFitError, WeightsError : what does not fit, and the mend.
    """
    from cxrreport.pipeline.freshness import compare
    from cxrreport.retrieval.build import open_index

    index = open_index(settings.index_directory, model_sha256=weights_of(settings))
    if index is None:
        raise IndexFitError(f"{_MISSING}.", "index.missing")
    with open_archive(settings, read_only=True) as engine:
        found = compare(engine, index, images=True)
    return {**asdict(index.manifest), "stale": len(found.texts), "stale_films": len(found.films)}


def list_indexes(settings: Settings) -> list[dict[str, Any]]:
    """All versions, the newest first, with `serving`; then the `damaged` ones by name alone."""
    home = settings.index_directory
    serving = publish.current(home)
    whole = [{**asdict(m), "serving": m.version == serving} for m in versions.list_versions(home)]
    damaged = sorted(set(publish.versions(home)) - {m["version"] for m in whole})
    return [*whole, *({"version": version, "damaged": True} for version in damaged)]


def roll_back_index(settings: Settings) -> dict[str, Any]:
    """Let the newest whole version of these weights before the serving one serve again.

    Raises
    ------
    IndexFitError : there is none.
    """
    return asdict(versions.roll_back(settings.index_directory, weights_of(settings)))


def weights_of(settings: Settings) -> str:
    """Digest of the weights that the settings name, read from their manifest."""
    return weights_sha256(read_manifest(settings.weights or default_directory()))


def calibration_of(settings: Settings) -> str | None:
    """Digest of the calibration that the next run drafts with."""
    return in_use(settings).calibration_sha256
