"""One study as it leaves the house: what the archive holds of it, compared with its prior's report and grouped."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cxrreport import DISCLAIMER
from cxrreport.export.duplicates import group_alike
from cxrreport.export.report_diff import SentenceChange, compare_with_prior
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.views import DraftView, RetrievedReport, draft_view


@dataclass(frozen=True, slots=True)
class StudyView:
    """One study for a terminal or a file.

    Attributes
    ----------
    held : what the archive holds.
    sentences : those of the draft against what was said of the prior.
    references : retrieved reports; those that say the same together, in the order of their first.
    """

    held: DraftView
    sentences: tuple[SentenceChange, ...]
    references: tuple[tuple[RetrievedReport, ...], ...]

    def document(self) -> dict[str, Any]:
        """Everything for JSON; `same_as` of a reference is the rank of the first that says the same, None of that itself."""
        document = {"disclaimer": DISCLAIMER, **asdict(self.held)}
        if self.held.draft:
            first = {one.rank: alike[0].rank for alike in self.references for one in alike[1:]}
            for row in document["draft"]["references"]:
                row["same_as"] = first.get(row["rank"])
            document["draft"]["sentences"] = [asdict(sentence) for sentence in self.sentences]
        return document


def view_study(settings: Settings, key: str, picture: Path | None = None) -> StudyView:
    """Look up the study that a UID, an accession number or a database id names; draw it to `picture` if that is given.

    Raises
    ------
    UsageError : no study has this key, or several have. Those of `draw_study`.
    """
    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        held = draft_view(s, key)
        if picture:
            from cxrreport.export.picture import draw_study

            draw_study(s, held, picture, settings.max_pixels)
    references = held.draft.references if held.draft else ()
    groups = group_alike([f"{one.findings}\n\n{one.impression}" for one in references])
    return StudyView(held, compare_with_prior(held), tuple(tuple(references[i] for i in group) for group in groups))
