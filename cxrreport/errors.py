"""Every error of cxrreport, each with a stable code for the database, the log and JSON (`codes.CODES`).

A message is one sentence for a PACS administrator. It names the host, the home and the files of cxrreport, and never a
patient's name, an identifier or a file of the export: those go to the columns `path` and `study_id` of the table `failure`,
which stay inside the hospital's database.
"""

from __future__ import annotations

from cxrreport.codes import CODES


class CxrReportError(Exception):
    """Base of all errors of cxrreport.

    Parameters
    ----------
    message : one clear sentence, free of patient data.
    code : one of `CODES`; a class attribute gives the default.
    """

    code = "internal"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code

    @property
    def exit_code(self) -> int:
        """How a command ends that this error ends."""
        return CODES.get(self.code, CODES[type(self).code]).exit_code

    def __reduce__(self) -> tuple[type[CxrReportError], tuple[str, str]]:
        """Cross process boundaries (worker -> parent) with message and code intact."""
        return type(self), (self.message, self.code)


# -- what one file or one study can do; the run goes on ------------------------------------------------------------


class InputError(CxrReportError):
    """One file or study cannot be used."""

    code = "input"


class HeaderError(InputError):
    """The DICOM header cannot be trusted (codes `header.*`)."""

    code = "header.malformed"


class PixelError(InputError):
    """The pixel data cannot be decoded to one grey frame (codes `pixels.*`)."""

    code = "pixels.malformed"


class ReportError(InputError):
    """A file of the report archive cannot be read (codes `report.*`)."""

    code = "report.malformed"


class ModelOutputError(InputError):
    """The network gave no usable draft for a study (codes `model.*`)."""

    code = "model.invalid"


# -- what ends the run ------------------------------------------------------------------------------------------------


class UsageError(CxrReportError):
    """The command line asks for something impossible."""

    code = "usage"


class UnavailableError(CxrReportError):
    """A service or device that is needed does not answer (database, GPU)."""

    code = "unavailable"


class StorageError(CxrReportError):
    """Reading or writing the home, the database or the index failed (disk full, read-only)."""

    code = "io"


class LockedError(CxrReportError):
    """Another run holds the archive."""

    code = "locked"


class ConfigurationError(CxrReportError):
    """Settings, weights, index or schema do not fit together."""

    code = "configuration"


class WeightsError(ConfigurationError):
    """The weights are missing, damaged or of another kind."""

    code = "weights"


class IndexFitError(ConfigurationError):
    """The retrieval index is missing, damaged or built with other weights."""

    code = "index"


class RightsError(ConfigurationError):
    """The role of the database may not do what is needed."""

    code = "database.rights"


class SchemaError(ConfigurationError):
    """The database schema is older or newer than this version of cxrreport."""

    code = "schema"
