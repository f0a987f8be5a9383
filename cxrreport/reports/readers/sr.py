"""Reports that are DICOM objects: structured ones (Basic Text, Enhanced, Comprehensive, …) and encapsulated PDFs."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from cxrreport import indications
from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports import sections
from cxrreport.reports.parsing import assemble, dates, decode, pdf, scope, sr_content
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.sections import Sections

MAX_BYTES = 16 << 20  # a report carries no pixels
MAX_TAGS = 10 * sr_content.MAX_ITEMS  # items of all sequences
_ITEM, _ITEM_BIG = b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00"
_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
# PyDicom's warnings quote raw values, patients' names among them.
warnings.filterwarnings("ignore", module=r"pydicom\b")


def read(path: Path) -> Iterator[Report | Failure | Skipped]:
    """Read one document; TEXT, coded findings and measurements below headings of DICOM or LOINC are its sections.

    Only what a container contains is text of the report; observers, contexts and evidence are not. A document that is
    not complete and verified is preliminary, one with a predecessor a correction; a PDF is preliminary only if it says that
    it is not verified. The time is that of the verification, else of the content.
    """
    data = decode.whole(path, MAX_BYTES)
    try:
        dataset = None if data is None else _dataset(data)
        large = decode.too_large(path, "A DICOM report is larger than 16 MB, or has more items than any report.")
        yield large if dataset is None else _report(path, dataset)
    except MemoryError:
        raise
    except Exception:  # pydicom raises nearly anything on broken data
        yield decode.malformed(path, "A DICOM report cannot be parsed.")


def _dataset(data: bytes) -> Dataset | None:
    """Parse a document; None where it is larger than any, once inflated.

    pydicom would inflate all of a deflated one first, whatever its size. Where the name of that transfer syntax stands
    nowhere in the file it cannot be one.
    """
    deflated = DeflatedExplicitVRLittleEndian.encode() in data
    body = _inflated(data) if deflated else data
    if len(body) > MAX_BYTES or body.count(_ITEM) + body.count(_ITEM_BIG) > MAX_TAGS:
        return None
    if deflated:
        return read_dataset(BytesIO(body), is_implicit_VR=False, is_little_endian=True)
    return dcmread(BytesIO(data), force=data[128:132] != b"DICM", stop_before_pixels=True)


def _inflated(data: bytes) -> bytes:
    """What is behind the file meta group, inflated to a byte more than the limit at most (PS3.5 A.5).

    Raises
    ------
    ValueError : the transfer syntax is another one.
    """
    stream = BytesIO(data)
    read_preamble(stream, force=True)
    meta = read_dataset(
        stream, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, vr, length: tag >> 16 != 2
    )
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        raise ValueError("syntax")
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream.read(), MAX_BYTES + 1)


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
    if not found.findings and not found.impression and not found.addendum:
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
