"""DICOM structured reports (Basic Text, Enhanced, Comprehensive, …): a generic walk over the content tree (PS3.3 C.17.3)."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from cxrreport import indications
from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports.parsing import assemble, dates, decode, scope
from cxrreport.reports.parsing.decode import Skipped

MAX_BYTES = 16 << 20  # a report carries no pixels
MAX_ITEMS = 20_000
MAX_DEPTH = 60
_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
# PyDicom's warnings quote raw values, patients' names among them.
warnings.filterwarnings("ignore", module=r"pydicom\b")


def read(path: Path) -> Iterator[Report | Failure | Skipped]:
    """Read one document; TEXT, coded findings and measurements below headings of DICOM or LOINC are its sections.

    Only what a container contains is text of the report; observers, contexts and evidence are not. A document that is
    not complete and verified is preliminary, one with a predecessor a correction. The time is that of the verification,
    else of the content.
    """
    data = decode.whole(path, MAX_BYTES)
    if data is None or not _inflates_within(data):
        yield decode.too_large(path, "A DICOM report is larger than 16 MB.")
        return
    try:
        yield _report(path, dcmread(BytesIO(data), force=data[128:132] != b"DICM"))
    except (Exception, RecursionError):  # pydicom raises nearly anything on broken data
        yield decode.malformed(path, "A DICOM report cannot be parsed.")


def _inflates_within(data: bytes) -> bool:
    """Inflate no more than the limit before pydicom inflates it all; what is not deflated is within."""
    if data[128:132] != b"DICM" or DeflatedExplicitVRLittleEndian.encode() not in data[:2048]:
        return True
    if data[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
        return False
    start = 144 + int(struct.unpack("<I", data[140:144])[0])
    try:
        return len(zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], MAX_BYTES + 1)) <= MAX_BYTES
    except zlib.error:
        return True  # pydicom will refuse it


def _report(path: Path, dataset: Dataset) -> Report | Failure | Skipped:
    kind = str(dataset.get("SOPClassUID", ""))
    if not kind:
        return decode.malformed(path, "A DICOM file of the report archive has no SOP Class UID.")
    if not kind.startswith(_SR_CLASSES):
        return Skipped("report.not_sr")
    parts = list(_parts(dataset))
    if not any(text for _, text, measured in parts if not measured):
        return Skipped("report.empty")  # measurements or references alone
    found = assemble.assemble((section, text) for section, text, _ in parts)
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


# -- the content tree -------------------------------------------------------------------------------------------------


def _parts(dataset: Dataset) -> Iterator[tuple[str, str, bool]]:
    """(section, text, whether that alone is no report) of every item, in the order of the document.

    Raises
    ------
    ValueError : the tree is deeper or larger than any report.
    """
    stack: list[tuple[Dataset, str, int]] = [(dataset, "", 0)]
    seen = 0
    while stack:
        item, section, depth = stack.pop()
        seen += 1
        if seen > MAX_ITEMS or depth > MAX_DEPTH:
            raise ValueError("tree")
        code, name = _concept(item)
        section = assemble.SECTIONS.get(code, section) if depth else ""
        value, measured = _value(item, code, name), item.get("ValueType") == "NUM"
        if value:
            yield section, value, measured
        if item.get("ValueType") == "CONTAINER" and depth and assemble.is_heading(name):
            section = "" if code not in assemble.SECTIONS else section
            if not section:
                yield section, f"\n{name.upper()}:", True  # of no code that we know, but of a name
        children = [child for child in item.get("ContentSequence") or [] if _is_contained(child)]
        stack.extend((child, section, depth + 1) for child in reversed(children))


def _is_contained(item: Dataset) -> bool:
    return str(item.get("RelationshipType") or "CONTAINS") == "CONTAINS"


def _concept(item: Dataset) -> tuple[str, str]:
    names = item.get("ConceptNameCodeSequence") or []
    if not names:
        return "", ""
    return str(names[0].get("CodeValue", "")), decode.prose(str(names[0].get("CodeMeaning", "")))


def _value(item: Dataset, code: str, name: str) -> str:
    kind = item.get("ValueType")
    if kind == "TEXT":
        return decode.prose(str(item.get("TextValue", "")))
    if kind == "CODE" and assemble.SECTIONS.get(code) in ("findings", "impression"):
        values = item.get("ConceptCodeSequence") or []
        return f"{decode.prose(str(values[0].get('CodeMeaning', '')))}." if values else ""
    if kind == "NUM":
        return _measurement(item, name)
    return ""


def _measurement(item: Dataset, name: str) -> str:
    values = item.get("MeasuredValueSequence") or []
    if not values:
        return ""
    units = values[0].get("MeasurementUnitsCodeSequence") or []
    unit = str(units[0].get("CodeValue", "")) if units else ""
    return f"{name} {values[0].get('NumericValue', '')} {'' if unit == '1' else unit}".strip() + "."


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
    given = [_text(dataset, "StudyDescription"), _text(dataset, "BodyPartExamined")]
    for item in dataset.get("ContentSequence") or []:
        if _concept(item)[0] == "121058":
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
    complete = dataset.get("CompletionFlag") == "COMPLETE" and dataset.get("VerificationFlag") == "VERIFIED"
    if not complete or dataset.get("PreliminaryFlag") == "PRELIMINARY":
        return ReportStatus.PRELIMINARY
    return ReportStatus.CORRECTED if dataset.get("PredecessorDocumentsSequence") else ReportStatus.FINAL
