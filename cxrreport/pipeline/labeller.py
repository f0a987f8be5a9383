"""Who labels the reports of the archive: the rules, or CheXbert where a site has its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cxrreport.errors import ConfigurationError, WeightsError
from cxrreport.findings import State
from cxrreport.reports.labels import label, rules
from cxrreport.settings import Settings

States = list[dict[str, State]]


class Readable(Protocol):
    """What has the two sections that labels are told from."""

    @property
    def findings(self) -> str: ...  # noqa: D102

    @property
    def impression(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Labeller:
    """Turns texts into the states of the 14 findings; `source` names it in the database, see `label_source`."""

    source: str
    label: Callable[[Sequence[str]], States]

    def __call__(self, texts: Sequence[str]) -> States:
        """States of each text."""
        return self.label(texts)

    def of(self, reports: Sequence[Readable]) -> States:
        """States of each report, told from findings and impression together."""
        return self.label([f"{report.findings} {report.impression}" for report in reports])


def labeller(settings: Settings) -> Labeller:
    """Whoever `labels_source` names.

    Raises
    ------
    ConfigurationError : CheXbert is asked for without a directory. WeightsError : its weights do not fit.
    """
    if settings.labels_source == "rules":
        return Labeller(rules(), lambda texts: [label(text) for text in texts])
    from cxrreport.model.chexbert import CheXbert  # torch is loaded only where it is used
    from cxrreport.model.weights import resolve_device

    chexbert = CheXbert(_directory(settings), resolve_device(settings.device))
    return Labeller(label_source(settings), chexbert.label)


def label_source(settings: Settings) -> str:
    """Name of whoever `labels_source` names, without loading it; another name means that labels may differ.

    `rules-<version>-<digest of labels.yaml>`, or `chexbert-<digest of its files>`.

    Raises
    ------
    ConfigurationError, WeightsError
    """
    if settings.labels_source == "rules":
        return rules()
    from cxrreport.model.chexbert import CONFIG, NETWORK, VOCABULARY

    directory, digest = _directory(settings), hashlib.sha256()
    for name in (NETWORK, VOCABULARY, CONFIG):
        digest.update(_sha256(directory / name, required=name != CONFIG))
    return f"chexbert-{digest.hexdigest()[:12]}"


def _directory(settings: Settings) -> Path:
    if settings.chexbert is None:
        raise ConfigurationError(
            "labels_source is chexbert: name its directory in the setting chexbert.", "configuration.labels"
        )
    return settings.chexbert


def _sha256(path: Path, required: bool) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        if required:
            raise WeightsError(f"CheXbert's {path.name} cannot be read.") from None
        return b""
