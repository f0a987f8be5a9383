"""Label again what another labeller, or an older version of ours, has labelled."""

from __future__ import annotations

from cxrreport.log import Progress
from cxrreport.pipeline.labeller import Labeller, label_source, labeller
from cxrreport.pipeline.run import Run
from cxrreport.store import labels as store
from cxrreport.store.engine import session

_BATCH = 500


def relabel(run: Run, progress: Progress) -> None:
    """Give every report of the archive labels of the labeller that the settings name.

    Each batch is stored with its source, so that an interrupted run is completed by the next. The labeller is loaded
    only where there is something to label. Counted as `relabelled`.

    Raises
    ------
    ConfigurationError, WeightsError
    """
    source, last = label_source(run.settings), 0
    labels: Labeller | None = None
    while not run.cancelled and (batch := _outdated(run, source, last)):
        labels = labels or labeller(run.settings)
        states = dict(zip((text.report_id for text in batch), labels.of(batch)))
        with session(run.engine) as s:
            store.set_labels(s, states, source)
        last = batch[-1].report_id
        run.counts.numbers["relabelled"] += len(batch)
        progress("labels", len(batch))


def _outdated(run: Run, source: str, after_id: int) -> list[store.StoredText]:
    with session(run.engine, read_only=True) as s:
        return store.outdated_labels(s, source, after_id, _BATCH)
