"""Reports that are DICOM objects: structured ones (Basic Text, Enhanced, Comprehensive, …) and encapsulated PDFs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path

from pydicom import Dataset

from cxrreport import indications
from cxrreport.dicom.opening import parse_head
from cxrreport.errors import HeaderError
from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports import sections
from cxrreport.reports.parsing import assemble, dates, decode, pdf, scope, sr_content
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.sections import Sections

MAX_BYTES = 16 << 20  # a report carries no pixels
_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"


def read(path: Path) -> Iterator[Report | Failure | Skipped]:
    """Read one document; TEXT, coded findings and measurements below headings of DICOM or LOINC are its sections.

    Only what a container contains is text of the report; observers, contexts and evidence are not. A document that is
    not complete and verified is preliminary, one with a predecessor a correction; a PDF is preliminary only if it says that
    it is not verified. The time is that of the verification, else of the content.
    """
    data = decode.whole(path, MAX_BYTES)
    if data is None:
        yield _too_large(path)
        return
    try:
        yield _report(path, parse_head(BytesIO(data), len(data), None, MAX_BYTES).dataset)
    except MemoryError:
        raise
    except HeaderError as error:
        yield _too_large(path) if error.code == "header.too_large" else _malformed(path)
    except Exception:  # no DICOM; and pydicom converts on access, and raises nearly anything
        yield _malformed(path)


def _too_large(path: Path) -> Failure:
    return decode.too_large(path, "A DICOM report is larger than 16 MB.")


def _malformed(path: Path) -> Failure:
    return decode.malformed(path, "A DICOM report cannot be parsed.")


def _report(path: Path, dataset: Dataset) -> Report | Failure | Skipped:
    kind = str(dataset.get("SOPClassUID", ""))
    if not kind:
        return decode.malformed(path, "A DICOM file of the report archive has no SOP Class UID.")
    if kind != _PDF_CLASS and not kind.startswith(_SR_CLASSES):
        return Skipped("report.not_sr")
    found = _printed(path, dataset) if kind == _PDF_CLASS else _written(dataset)
    if not isinstance(found, Sections):
        return found
    if scope.is_other("", _procedure(dataset), found.technique):
        return Skipped("report.not_chest")
    if found.is_empty:
        return Skipped("report.empty")
    request = _only(dataset, "ReferencedRequestSequence")
    accession = _text(request, "AccessionNumber") or _text(dataset, "AccessionNumber")
    uid = _text(dataset, "SOPInstanceUID")
    return Report(
        source=path.name,
        external_id=accession or uid or decode.identifier(path.stem),
        accession=accession,
        study_uid=_study_uid(dataset, request),
        patient_id=_text(dataset, "PatientID"),
        issuer=_text(dataset, "IssuerOfPatientID"),
        reported_at=_reported_at(dataset),
        findings=found.findings,
        impression=found.impression,
        comparison=found.comparison,
        indication=_indication(dataset, request, found.indication),
        status=_status(dataset),
        addendum=found.addendum,
    )


def _written(dataset: Dataset) -> Sections | Skipped:
    parts = list(sr_content.parts(dataset))
    if not any(text for _, text, measured in parts if not measured):
        return Skipped("report.empty")  # measurements or references alone
    return assemble.assemble((section, text) for section, text, _ in parts)


def _printed(path: Path, dataset: Dataset) -> Sections | Failure | Skipped:
    try:
        text = pdf.text_of(dataset.get("EncapsulatedDocument") or b"")
    except ValueError as error:  # of our own: quotes nothing
        return decode.malformed(path, f"An encapsulated PDF {error}.")
    return sections.split(pdf.report_of(text)) if text else Skipped("report.scanned")


# -- who, what and when -----------------------------------------------------------------------------------------------


def _text(dataset: Dataset | None, keyword: str) -> str:
    value = dataset.get(keyword) if dataset is not None else None
    return "" if value is None else decode.identifier(str(value))


def _only(dataset: Dataset, keyword: str) -> Dataset | None:
    """The item of a sequence of one."""
    items = dataset.get(keyword) or []
    return items[0] if len(items) == 1 else None


def _study_uid(dataset: Dataset, request: Dataset | None) -> str:
    """Study of the request, else of the evidence, where there is just one; else the document's own."""
    evidence = _only(dataset, "CurrentRequestedProcedureEvidenceSequence")
    given = (
        _text(request, "StudyInstanceUID"),
        _text(evidence, "StudyInstanceUID"),
        _text(dataset, "StudyInstanceUID"),
    )
    return next(filter(decode.is_uid, given), "")


def _indication(dataset: Dataset, request: Dataset | None, section: str) -> str:
    """That of the report, else of the request, else of the admission."""
    admitted = dataset.get("AdmittingDiagnosesDescription") or ""
    diagnoses = admitted if isinstance(admitted, str) else "; ".join(map(str, admitted))
    reasons = (section, _text(request, "ReasonForTheRequestedProcedure"), diagnoses)
    return indications.choose(reasons, [_text(request, "RequestedProcedureDescription")])


def _procedure(dataset: Dataset) -> list[str]:
    """Names of the procedure and the part of the body, with "Procedure reported" (121058) of the tree."""
    given = [_text(dataset, name) for name in ("StudyDescription", "BodyPartExamined", "DocumentTitle")]
    for item in dataset.get("ContentSequence") or []:
        if sr_content.concept(item)[0] == "121058":
            given.extend(str(code.get("CodeMeaning", "")) for code in item.get("ConceptCodeSequence") or [])
    return given


def _reported_at(dataset: Dataset) -> datetime | None:
    observers = dataset.get("VerifyingObserverSequence") or []
    verified = [moment for one in observers if (moment := dates.hl7_moment(_text(one, "VerificationDateTime")))]
    if verified:
        return max(verified)
    day = _text(dataset, "ContentDate")
    clock = _text(dataset, "ContentTime").partition(".")[0]
    return dates.hl7_moment(day + clock) or dates.hl7_moment(day)


def _status(dataset: Dataset) -> ReportStatus:
    if dataset.get("SOPClassUID") == _PDF_CLASS:
        unverified = dataset.get("VerificationFlag") == "UNVERIFIED"
        return ReportStatus.PRELIMINARY if unverified else ReportStatus.FINAL
    complete = dataset.get("CompletionFlag") == "COMPLETE" and dataset.get("VerificationFlag") == "VERIFIED"
    if not complete or dataset.get("PreliminaryFlag") == "PRELIMINARY":
        return ReportStatus.PRELIMINARY
    return ReportStatus.CORRECTED if dataset.get("PredecessorDocumentsSequence") else ReportStatus.FINAL
