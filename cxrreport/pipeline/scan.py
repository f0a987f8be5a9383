"""The export -> the catalogue: walk, read headers, file images, tell frontal from lateral."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cxrreport.codes import CODES
from cxrreport.errors import InputError
from cxrreport.files import storable
from cxrreport.imaging.load import AWAY, PAGE, LoadedImage, load_filed
from cxrreport.imaging.seen import Seen
from cxrreport.imaging.upright import Upright
from cxrreport.imaging.views import believed_view, screen
from cxrreport.imaging.walk import walk
from cxrreport.log import get_log
from cxrreport.pipeline.counts import Count
from cxrreport.pipeline.disputes import TRANSIENT, compare_files, correct
from cxrreport.pipeline.headers import Look, read_headers
from cxrreport.pipeline.presence import check_export
from cxrreport.pipeline.run import Run
from cxrreport.records import Failure, FileEntry, Image, Instance, View, ViewGuess
from cxrreport.store import catalogue, filing, newcomers, runs, seen
from cxrreport.store.engine import apart, batches
from cxrreport.store.linking import link_reports

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.model.drafter import Drafter

_FILES = 1000  # headers a transaction
_IMAGES = 64  # images a batch of the view classifier


def scan(run: Run, roots: Sequence[Path]) -> None:
    """Catalogue every chest radiograph below the roots. A bad file becomes a row in `failure`; the scan goes on."""
    for root in roots:
        for kind in ("path.", "export."):
            run.transact(runs.clear_failures_below, storable(os.path.realpath(root)), kind)
    check_export(run, roots)
    entries = walk(roots, partial(_count_skip, run), run.settings.settle_s, run.cancelled.pause)
    with closing(read_headers(run, _unseen(run, entries))) as looks:
        for batch in batches(looks, _FILES):
            if run.cancelled:
                return
            run.count(Count.FILES, len(batch))
            run.transact(_file_all, run, batch)
            run.progress("scan", len(batch))
    if not run.cancelled:
        run.transact(link_reports)


def _unseen(run: Run, entries: Iterator[FileEntry]) -> Iterator[FileEntry]:
    """Count the files that are as they were, and yield the others, until the run is to stop."""
    for batch in batches(entries, _FILES):
        if run.stops:
            _cut(run)
            return
        known = run.transact(_known, run, batch)
        if known:
            run.progress("scan", len(known))
        yield from (entry for entry in batch if entry.path not in known)


def _known(s: Session, run: Run, batch: Sequence[FileEntry]) -> dict[str, bool]:
    """The paths that need not be read; what only dry runs have read is counted as if it were read now."""
    known = seen.known_files(s, batch)
    previewed = [path for path, untold in known.items() if untold and not run.dry]
    told = seen.take_previewed(s, run.id, previewed, Count.DRY_RUN)
    for one in told:
        if one.failed:
            run.fail(one.failed)
        else:
            _count(run, one.outcome, one.reason)
    run.count(Count.FILES, len(known))
    run.count(Count.FILES_UNCHANGED, len(known) - len(told))
    return known


def _cut(run: Run) -> None:
    """Tell, once a run, that its time is over before the scan is: there may be more studies than are due."""
    if run.late and not run.counts.numbers[Count.SCAN_CUT]:
        run.count(Count.SCAN_CUT)
        get_log().warning("scan.late", files=run.counts.numbers[Count.FILES])


def _count_skip(run: Run, kind: str, path: str) -> None:
    """Count what the walk leaves out. What it could not read has failed: images may lie there."""
    run.count(Count.FILES)
    if not kind.startswith("path."):
        run.skip(kind)
        return
    run.fail(kind)
    run.transact(runs.add_failures, run.id, [Failure(kind, CODES[kind].sentence, path=path)])


def _file_all(s: Session, run: Run, looks: Sequence[Look]) -> None:
    screened = {entry: _screened(found) for entry, found in looks if isinstance(found, Instance)}
    filed = newcomers.record_newcomers(s, list(screened.values()))
    failures = []
    for entry, found in looks:
        one = screened.get(entry)
        if one and one.instance.sop_uid in filed:
            _count(run, "image", one.reason)
        elif failure := _scan_file(run, s, entry, one or found):
            failures.append(failure)
    bad = {failure.path for failure in failures}
    runs.clear_file_failures(s, [entry.path for entry, _ in looks if entry.path not in bad])
    runs.add_failures(s, run.id, failures)
    if run.dry:
        seen.mark_previewed(s, [entry.path for entry, _ in looks])


def _screened(instance: Instance) -> newcomers.Screened:
    return newcomers.Screened(instance, believed_view(instance), screen(instance))


def _scan_file(run: Run, s: Session, entry: FileEntry, found: newcomers.Screened | Seen) -> Failure | None:
    """File what was read of one file; returns the failure if it is one. Whatever one file does, the others stay."""
    try:
        try:
            if isinstance(found, newcomers.Screened):
                return _file(run, s, found)
            if isinstance(found, InputError):
                raise found
            if found == "growing":
                run.skip("growing")
            else:
                _skip(run, s, entry, "not_dicom")
            return None
        except InputError as error:
            return _record_broken(run, s, entry, error)
    except InputError as error:  # not even that can be recorded
        return _fail(run, entry, error.code, error.message)


def _file(run: Run, s: Session, one: newcomers.Screened) -> Failure | None:
    instance = one.instance
    with apart(s):
        outcome = filing.record_instance(s, instance, one.view, one.reason, partial(compare_files, run))
    if outcome in _DISPUTED and correct(run, s, instance.study_uid):
        outcome = "updated"
    if outcome in _CONFLICTS:
        return _fail(run, instance.file, _CONFLICTS[outcome], CODES[_CONFLICTS[outcome]].sentence)
    _count(run, outcome, one.reason)
    return None


def _count(run: Run, outcome: str, reason: str | None) -> None:
    if outcome in ("duplicate", "broken_copy", "not_dicom", "not_image") or reason:
        run.skip(reason or outcome)
    else:
        run.count(Count.IMAGES)


def _record_broken(run: Run, s: Session, entry: FileEntry, error: InputError) -> Failure | None:
    if error.code == "header.not_image":
        _skip(run, s, entry, "not_image")
        return None
    if error.code not in TRANSIENT:  # a header that is bad today is bad tomorrow: do not open it again
        with apart(s):
            filing.record_file(s, entry, error.code)
    return _fail(run, entry, error.code, error.message)


_DISPUTED = ("patient_conflict", "corrected")
_CONFLICTS = {"conflict": "identity.conflict", "patient_conflict": "identity.patient_conflict"}


def _skip(run: Run, s: Session, entry: FileEntry, kind: str) -> None:
    filing.record_file(s, entry, kind)
    run.skip(kind)


def _fail(run: Run, entry: FileEntry, code: str, message: str) -> Failure:
    run.fail(code)
    return Failure(code, message, path=entry.path)


def classify_views(run: Run, drafter: Drafter, upright: Upright | None) -> None:
    """Ask the pixels, put upright, where the tags are silent; store the view and how sure it is."""
    last = 0
    run.progress("views", 0, run.transact(catalogue.count_without_view))
    while images := run.transact(catalogue.images_without_view, _IMAGES, last):
        if run.stops:
            _cut(run)
            return
        last = images[-1].id
        found: dict[Image, LoadedImage | InputError] = {}
        for image, loaded in run.workers.map(partial(load_filed, run.settings.max_pixels, upright), images):
            if run.cancelled:  # whoever stops the run may have stopped the children too: believe no error any more
                return
            found[image] = loaded
        run.transact(_store_views, run, drafter, found)
        run.progress("views", len(images))


def _store_views(s: Session, run: Run, drafter: Drafter, found: dict[Image, LoadedImage | InputError]) -> None:
    good = {image: loaded for image, loaded in found.items() if isinstance(loaded, LoadedImage)}
    guesses = drafter.guess_views([loaded.pixels for loaded in good.values()]) if good else []
    for (image, loaded), guess in zip(good.items(), guesses, strict=True):
        catalogue.set_pixel_digest(s, image.id, loaded.pixel_sha256)
        catalogue.set_view(s, image.id, guess)
        if guess.view is View.OTHER:
            _leave_out(s, run, image)
    for image, error in found.items():
        if getattr(error, "code", "") == PAGE:
            catalogue.set_view(s, image.id, ViewGuess(View.OTHER, "pixels", 1.0))
            _leave_out(s, run, image)
        elif isinstance(error, InputError):
            if error.code not in AWAY:
                catalogue.mark_unusable(s, image.id, error.code)
            run.fail(error.code)
            runs.add_failures(s, run.id, [Failure(error.code, error.message, path=image.path)])


def _leave_out(s: Session, run: Run, image: Image) -> None:
    catalogue.mark_unusable(s, image.id, catalogue.NO_CHEST)
    run.skip(catalogue.NO_CHEST)
