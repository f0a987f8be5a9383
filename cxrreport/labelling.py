"""Who labels the reports of the archive: the rules, or CheXbert where a site has its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cxrreport.errors import ConfigurationError
from cxrreport.records import State
from cxrreport.reports.labels import label
from cxrreport.settings import Settings

Labeller = Callable[[Sequence[str]], list[dict[str, State]]]


def labeller(settings: Settings) -> Labeller:
    """What turns texts into the states of the 14 findings, as `labels_source` says.

    Raises
    ------
    ConfigurationError : CheXbert is asked for without a directory, or its weights do not fit.
    """
    if settings.labels_source == "rules":
        return lambda texts: [label(text) for text in texts]
    if settings.chexbert is None:
        raise ConfigurationError(
            "labels_source is chexbert: name its directory in the setting chexbert.", "configuration.labels"
        )
    from cxrreport.model.chexbert import CheXbert  # torch is loaded only where it is used
    from cxrreport.model.weights import resolve_device

    return CheXbert(settings.chexbert, resolve_device(settings.device)).label
