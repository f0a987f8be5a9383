"""`cxrreport calibrate`: probabilities fitted to the archive's own signed reports, and taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport.errors import UsageError
from cxrreport.evaluation.reliability import compare
from cxrreport.files import atomic, sync
from cxrreport.findings import FINDINGS, State
from cxrreport.log import Progress, unwatched
from cxrreport.model.calibration import CALIBRATION, Calibration
from cxrreport.model.manifest import NETWORK, default_directory, read_manifest, weights_sha256
from cxrreport.settings import Settings
from cxrreport.store.engine import held_archive, session
from cxrreport.store.retry import transact
from cxrreport.store.runs import TOOL, append_audit
from cxrreport.trust.agreement import judge_drafts
from cxrreport.trust.fit import cross_validated, fit_calibration
from cxrreport.trust.kept import check_present, drop, keep, kept, take_back
from cxrreport.trust.scored import Scored
from cxrreport.trust.truth import read_scored
from cxrreport.trust.used import calibrations

if TYPE_CHECKING:
    from sqlalchemy import Engine

LEAST = 200  # studies


def calibrate_archive(settings: Settings, progress: Progress = unwatched) -> dict[str, Any]:
    """Fit to the stored scores of the drafts that the weights in use made, beside what was signed of their studies.

    The truth is that of `trust`: drafts are judged first, as far as anything has changed since they were.

    Raises
    ------
    UsageError : fewer than 200 such studies. WeightsError : weights or calibration are damaged. LockedError
    """
    manifest, used, shipped = calibrations(settings)
    with held_archive(settings) as engine:
        judge_drafts(lambda work, *arguments: transact(engine, lambda s: work(s, *arguments)), progress)
        scored, _ = read_scored(engine, weights_sha256(manifest))
        if len(scored.views) < LEAST:
            raise UsageError(
                f"Calibrating needs {LEAST} studies with a signed report in English and a draft of the weights in use;"
                f" there are {len(scored.views)}.",
                "usage.few_studies",
            )
        fitted = fit_calibration([scored], manifest["files"][NETWORK], shipped)
        found = _compare(scored, fitted, used, shipped)
        _store(settings.home, fitted)
        _record(engine, "calibrate", {name: found[name] for name in ("studies", "before", "sha256")})
    return found


def undo_calibration(settings: Settings) -> dict[str, Any]:
    """Take the last fit to the archive back: the one before it serves again, or that of the weights.

    Raises
    ------
    UsageError : there is none, or it or the one before it fits other weights than those in use. WeightsError
    """
    own, network = settings.home / CALIBRATION, read_manifest(settings.weights or default_directory())["files"][NETWORK]
    with held_archive(settings) as engine:
        if not own.exists():
            raise UsageError("The archive has no calibration of its own to take back.", "calibration.none")
        check_present(settings.home, network)
        before = kept(settings.home, network)
        if before:
            take_back(settings.home)
        else:
            own.unlink()
            sync(settings.home)
        found = {"sha256": before.sha256 if before else None}
        _record(engine, "calibrate.undo", found)
    return found


def _store(home: Path, fitted: Calibration) -> None:
    """Put it into the home; what was there is kept for `undo_calibration`, and nothing where nothing was there."""
    if (home / CALIBRATION).exists():
        keep(home)
    else:
        drop(home)
    with atomic(home / CALIBRATION) as file:
        file.write_bytes(fitted.content)


def _record(engine: Engine, action: str, detail: dict[str, Any]) -> None:
    with session(engine) as s:
        append_audit(s, TOOL, action, "calibration", detail)


# -- what changes -----------------------------------------------------------------------------------------------------


def _compare(
    scored: Scored, fitted: Calibration, used: Calibration | None, shipped: Calibration | None
) -> dict[str, Any]:
    """Reliability of what is in use and, by cross-validation, of the new fit; states before and after."""
    before = used.apply_all(scored.scores, scored.views) if used else None
    return {
        "studies": len(scored.views),
        "patients": len(set(scored.patients)),
        "before": used.sha256 if used else None,
        "sha256": fitted.sha256,
        "reliability": compare(
            before[0] if before else scored.scores, cross_validated(scored, [], shipped), scored.positive, scored.known
        ),
        "states": {
            "before": _count(before[1]) if before else None,
            "after": _count(fitted.apply_all(scored.scores, scored.views)[1]),
        },
        "findings": fitted.document["findings"],
    }


def _count(states: Sequence[tuple[State, ...]]) -> dict[str, dict[str, int]]:
    """Films by state, finding by finding."""
    columns = zip(FINDINGS, zip(*states, strict=True), strict=True)
    return {finding: {state.value: n for state, n in sorted(Counter(column).items())} for finding, column in columns}
