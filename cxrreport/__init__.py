"""cxrreport: difference-aware drafts of chest radiograph reports, for hospital archives. `open_archive` opens one."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxrreport.pipeline.archive import Archive, open_archive

__all__ = ["DISCLAIMER", "Archive", "__version__", "open_archive"]

__version__ = "0.1.0"

DISCLAIMER = "AI-generated draft. For research use only. Not for diagnosis."


def __getattr__(name: str) -> Any:
    """Import the API when it is asked for: no light command waits for the database."""
    if name not in ("Archive", "open_archive"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cxrreport.pipeline import archive

    return getattr(archive, name)
