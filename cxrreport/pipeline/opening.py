"""Opens what drafts in a process beside the run, or on another machine, and makes sure that it is what the run has opened."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

from cxrreport import __version__
from cxrreport.clock import Clock
from cxrreport.codes import CODES
from cxrreport.drafting.abstain import Limits
from cxrreport.drafting.compose import Composer
from cxrreport.drafting.drafter import load_drafter, upright_reader
from cxrreport.drafting.retrieve import Retriever
from cxrreport.drafting.withhold import Closed
from cxrreport.drafting.wording_file import load_wording
from cxrreport.engine.child import asked_to_stop
from cxrreport.engine.local import LocalEngine
from cxrreport.errors import ConfigurationError
from cxrreport.log import configure
from cxrreport.pipeline.drafting import ChunkDrafter
from cxrreport.pipeline.due import Versions
from cxrreport.pipeline.prepare import Reader
from cxrreport.retrieval.build import open_index
from cxrreport.settings import Settings
from cxrreport.store.engine import open_database

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from cxrreport.model.drafter import Drafter
    from cxrreport.retrieval.build import Index

_OTHERS = "drafter.differs"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a run drafts with: digests of weights, calibration and wording, versions of index and cxrreport."""

    versions: Versions
    wording: str
    release: str = __version__


@dataclass(frozen=True, slots=True)
class Opening:
    """A call opens what drafts chunks. It is picklable, and ever the same: each worker makes one call.

    settings : `device` and `workers` are those of one worker. expected : what the run has opened. closed : what no reader is
    told. limits : of studies of which readers get no text.
    """

    settings: Settings
    expected: Opened
    closed: Closed
    limits: Limits

    def __call__(self) -> ChunkDrafter:
        """Open weights, wording, index and database, and start children that read.

        Raises
        ------
        ConfigurationError : code `drafter.differs`: something is not what the run has verified.
        WeightsError, IndexFitError, UnavailableError, StorageError
        """
        settings = self.settings
        configure(settings.log_level, settings.log_format)
        drafter, wording = load_drafter(settings), load_wording(settings.wording)
        known, model = self.expected.versions.index_version, drafter.weights.sha256
        index = open_index(settings.index_directory, model_sha256=model, verified=known) if known else None
        engine = open_database(settings.database_url, settings.home, settings.db_timeout_s, read_only=True)
        retriever = open_retriever(engine, index, drafter, settings)
        if Opened(versions_of(drafter, retriever), wording.digest) != self.expected:
            raise ConfigurationError(CODES[_OTHERS].sentence, _OTHERS)
        clock = Clock()
        workers = LocalEngine(settings.workers, settings.decode_timeout_s, settings.decode_memory_mb).__enter__()
        Finalize(
            None, workers.__exit__, exitpriority=1
        )  # else the end of this process waits for children that wait for it
        reader = Reader(workers, upright_reader(drafter.weights), settings.max_pixels, clock, asked_to_stop)
        return ChunkDrafter(
            Composer(drafter, retriever, wording, clock, self.closed, self.limits), reader, settings.batch_size
        )


def open_retriever(engine: Engine, index: Index | None, drafter: Drafter, settings: Settings) -> Retriever:
    """What finds similar reports for a drafter; nothing without an index."""
    return Retriever(engine, index, settings.retriever, drafter.retrieved, drafter.dimension, settings.undated_reports)


def versions_of(drafter: Drafter, retriever: Retriever) -> Versions:
    """What drafts are made with."""
    calibration = drafter.weights.calibration
    return Versions(drafter.weights.sha256, retriever.index_version, calibration.sha256 if calibration else None)
