"""How far an export came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cxrreport.errors import CxrReportError, InputError
from cxrreport.export.subject import Subject
from cxrreport.log import get_log, stack_of

_MOST_STUDIES = 100  # that are named of one code


@dataclass
class Tally:
    """Studies by the code of what was lost of them, and which they are."""

    drafts: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    undrawn: Counter[str] = field(default_factory=Counter)
    studies: dict[str, list[int]] = field(default_factory=dict)

    def take(self, subject: Subject) -> None:
        """Count a study, and its pictures where they are lost."""
        self.drafts += 1
        if isinstance(subject.drawn, InputError):
            self.undrawn[subject.drawn.code] += 1
            self._name(subject.drawn.code, subject)

    @contextmanager
    def watch(self, subject: Subject) -> Iterator[None]:
        """Count what the block loses of a study. What ends the whole export, such as a full disk, is raised."""
        try:
            yield
        except InputError as error:
            self.count(error.code, subject, left_out=error.exit_code == 0)
        except (CxrReportError, OSError, MemoryError):
            raise
        except Exception as error:
            get_log().error("export.lost", stack=stack_of(error))
            self.count("export.crash", subject)

    def count(self, code: str, subject: Subject, left_out: bool = False) -> None:
        """Count what is lost of a study, or left out on purpose."""
        (self.skipped if left_out else self.failed)[code] += 1
        if not left_out:
            self._name(code, subject)

    def _name(self, code: str, subject: Subject) -> None:
        studies = self.studies.setdefault(code, [])
        if len(studies) < _MOST_STUDIES and subject.study_id not in studies:
            studies.append(subject.study_id)

    def counts(self) -> dict[str, Any]:
        """What was left out and what failed, by code."""
        return {"skipped": dict(self.skipped), "failed": dict(self.failed)}
