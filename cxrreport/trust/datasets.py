"""Everything that is fitted to the scores of a network, fitted to public collections in one go and put beside its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxrreport.datasets.nih import IMAGE_READERS
from cxrreport.datasets.sample import Reader, Sample, left_out
from cxrreport.datasets.splits import read_whole
from cxrreport.drafting.drafter import open_drafter
from cxrreport.errors import UsageError
from cxrreport.evaluation.reliability import compare
from cxrreport.files import atomic
from cxrreport.log import Progress
from cxrreport.model.calibration import CALIBRATION, Calibration
from cxrreport.model.drafter import Drafter
from cxrreport.model.manifest import NETWORK, default_directory, naming, read_manifest
from cxrreport.model.weights import load_weights, resolve_device
from cxrreport.trust.collections import Bank, score_collection
from cxrreport.trust.fit import cross_validated, fit_calibration, with_pair
from cxrreport.trust.kept import keep, kept, take_back
from cxrreport.trust.pairs import fit_pair
from cxrreport.trust.reference import fit_weights_reference, write_reference
from cxrreport.trust.scored import Scored


def calibrate_weights(
    directory: Path | None, read: Reader, films: tuple[str, Path] | None, device: str, progress: Progress,
    reference_only: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Fit the weights' calibration to the validation splits of a data set and of labelled films; say what it brings.

    The groups of training films that films are told to be far from are fitted, too; reference_only : nothing else.

    Raises
    ------
    WeightsError, UnavailableError : as for drafting. UsageError : bad data, or no such kind of films.
    """
    if films is not None and films[0] not in IMAGE_READERS:
        raise UsageError(f"Known films: {', '.join(IMAGE_READERS)}.")
    directory = directory or default_directory()
    drafter = open_drafter(load_weights(directory, resolve_device(device)))
    splits = read_whole(read, ("train", "val"))
    reference = fit_weights_reference(drafter, read.name, splits, films, progress)
    if reference_only:
        write_reference(directory, reference)
        return {"reference": reference.sha256, "skipped": left_out(read)}
    collections = _score(drafter, read.name, splits, films, progress)
    fitted = _fit(drafter, collections, films)
    write_calibration(directory, fitted)
    write_reference(directory, reference)
    return {
        "reference": reference.sha256,
        "sha256": fitted.sha256,
        "data": fitted.document["data"],
        "skipped": left_out(read),
        "findings": fitted.document["findings"],
        "reliability": {one.name: _apart(one, collections) for one in collections},
    }


def _score(
    drafter: Drafter, name: str, splits: Mapping[str, Sequence[Sample]], films: tuple[str, Path] | None,
    progress: Progress,
) -> list[Scored]:  # fmt: skip
    """The validation splits, scored with the train split to retrieve from."""
    train = splits["train"]
    bank = Bank(drafter.embed_texts([s.summary for s in train]), [s.patient for s in train])
    found = [score_collection(drafter, f"{name} val", splits["val"], bank, progress)]
    if films is not None:
        samples = IMAGE_READERS[films[0]](films[1], "val")
        found.append(score_collection(drafter, f"{films[0]} val", samples, bank, progress))
    return found


def _fit(drafter: Drafter, collections: Sequence[Scored], films: tuple[str, Path] | None) -> Calibration:
    """Fit to all collections, and to the pairs of the films where they are labelled."""
    network, before = drafter.weights.manifest["files"][NETWORK], drafter.weights.calibration
    fitted = fit_calibration(collections, network, pair=before.document["pair"] if before else None)
    if films is not None and (films[1] / "pairs.csv").exists() and drafter.weights.temporal is not None:
        return with_pair(fitted, fit_pair(drafter, films[1], fitted))
    return fitted


def _apart(one: Scored, collections: list[Scored]) -> dict[str, Any]:
    """Reliability of the scores and, by cross-validation, of the probabilities."""
    fitted_apart = cross_validated(one, [other for other in collections if other is not one])
    return compare(one.scores, fitted_apart, one.positive, one.known)


def write_calibration(directory: Path, calibration: Calibration) -> None:
    """Put a calibration beside the weights; what was there is kept for `undo_weights`."""
    with naming(directory, "calibration", calibration.sha256):
        keep(directory)
        with atomic(directory / CALIBRATION, 0o666) as file:
            file.write_bytes(calibration.content)


def undo_weights(directory: Path | None) -> dict[str, Any]:
    """Take the last fit of the weights back: the calibration before it serves again.

    Raises
    ------
    UsageError : there is none, or it fits another network. WeightsError : the weights or the calibration are damaged.
    """
    directory = directory or default_directory()
    before = kept(directory, read_manifest(directory)["files"][NETWORK])
    if before is None:
        raise UsageError("The weights have no calibration before this one to take back.", "calibration.none")
    with naming(directory, "calibration", before.sha256):
        take_back(directory)
    return {"sha256": before.sha256}
