"""Is the export there? A mount that is gone leaves an empty folder, and a night without a film looks like a quiet one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cxrreport.codes import CODES
from cxrreport.errors import StorageError
from cxrreport.files import printable
from cxrreport.imaging.walk import walk
from cxrreport.log import get_log
from cxrreport.pipeline.run import Run
from cxrreport.records import Failure
from cxrreport.store import runs, seen

EMPTIED = "path.emptied"


def check_export(run: Run, roots: Sequence[Path]) -> None:
    """Warn of each root without files; one that held some before has failed, until it holds some again.

    Files are those that may be DICOM: a note "not mounted" is none.

    Raises
    ------
    StorageError : code "export.empty", at the first root without a file where the setting `expect_files` demands them.
    """
    for root in (os.path.realpath(root) for root in roots):
        if next(walk([Path(root)], lambda *_: None), None) is not None:
            continue
        if run.settings.expect_files:
            raise StorageError(f"There is no file in {printable(root)}; is the export mounted?", "export.empty")
        get_log().warning("export.without_files")
        if run.transact(seen.knows_files_below, root):
            run.fail(EMPTIED)
            run.transact(runs.add_failures, run.id, [Failure(EMPTIED, CODES[EMPTIED].sentence, path=root)])
