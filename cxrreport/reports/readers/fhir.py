"""FHIR DiagnosticReport (R4, R4B, R5): one resource, a Bundle, or one resource a line (NDJSON, bulk exports).

Hospitals' servers send what validators refuse (unknown elements, missing codes), so only the elements needed are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from cxrreport import indications
from cxrreport.codes import CODES
from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports.headings import section_named
from cxrreport.reports.parsing import assemble, dates, decode, fhir_index, scope
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.parsing.fhir_resources import Resource, Resources, codes, is_away, is_scan, items, texts, word
from cxrreport.reports.sections import Sections

MAX_BYTES = 64 << 20  # of a file of one document
MAX_LINE = fhir_index.MAX_LINE
_ALIVE = 1000  # lines
_STATUS = {
    "final": ReportStatus.FINAL,
    "amended": ReportStatus.CORRECTED, "corrected": ReportStatus.CORRECTED, "appended": ReportStatus.CORRECTED,
    "cancelled": ReportStatus.WITHDRAWN, "entered-in-error": ReportStatus.WITHDRAWN,
}  # fmt: skip


def read(path: Path, references: Path | None = None) -> Iterator[Report | Failure | Skipped | None]:
    """Read every DiagnosticReport of a file; a broken one becomes a Failure and the rest is read.

    References are resolved within the document, and with `references` (see `fhir_index`) among the files of its folder. A
    report of which nothing is left but references that lead nowhere is a Failure, one that lacks results or the number of
    its patient is followed by `Skipped("report.partial")`. None among the many other resources of a bulk export is a sign
    of life.

    * text: Observations of `result` with LOINC or DICOM codes of sections, or their names, else `presentedForm` (plain text,
      RTF, HTML or PDF, its own or of a Binary), else the narrative; `conclusion` is the impression where these have none,
      and the names of `conclusionCode` where there is no text at all
    * patient: the identifier of type MR, else the first, of `subject`; identifiers' systems are no issuers of DICOM, so
      the issuer stays blank
    * accession number: the identifier of type ACSN of the report, its ImagingStudy or its request; study UID: the
      identifier `urn:dicom:uid` of its one ImagingStudy
    * indication: its section, else `reasonCode` or `reason` of its request or ImagingStudy, else a note there
    * appended: what is new of it is added to the report that is stored
    * registered, partial, preliminary, modified and unknown are preliminary; cancelled and entered-in-error withdraw
    """
    with path.open("rb") as file:
        first = file.readline(MAX_LINE)
    if _document(first) is not None:
        yield from _of_lines(path, references)
    elif (data := decode.whole(path, MAX_BYTES)) is not None:
        yield from _of_document(path, "A FHIR document", data, references)
    else:
        yield decode.too_large(path, "A FHIR document is larger than 64 MB; export it as NDJSON.")


def _of_lines(path: Path, references: Path | None) -> Iterator[Report | Failure | Skipped | None]:
    with path.open("rb") as file:
        for number, line in enumerate(decode.lines(file, MAX_LINE), start=1):
            if line is None:
                yield decode.too_large(path, f"Line {number} of a FHIR file is longer than 8 MB.")
            elif line.strip():
                yield from _of_document(path, f"Line {number} of a FHIR file", line, references)
            if number % _ALIVE == 0:
                yield None


def _of_document(path: Path, place: str, data: bytes, references: Path | None) -> Iterator[Report | Failure | Skipped]:
    document = _document(data)
    if document is None:
        yield decode.malformed(path, f"{place} is no valid JSON.")
        return
    elsewhere = {"elsewhere": partial(fhir_index.find, references, path.parent)} if references else {}
    try:
        found = Resources(document, **elsewhere)
    except OverflowError:
        yield decode.too_large(path, f"{place} holds more than 200,000 resources; export it as NDJSON.")
        return
    for number, resource in enumerate(found.of_type("DiagnosticReport"), start=1):
        try:
            report = _report(path, resource, found)
            yield report
            if isinstance(report, Report) and _is_partial(report, resource, found):
                yield Skipped("report.partial")
        except (ValueError, TypeError, RecursionError):
            yield decode.malformed(path, f"{place} holds a broken DiagnosticReport, number {number}.")


def _is_partial(report: Report, resource: Resource, found: Resources) -> bool:
    """Are results not there, or who the patient is?"""
    nobody = not report.patient_id and is_away(found.references(resource, "subject"))
    return nobody or is_away(found.references(resource, "result"))


def _document(data: bytes) -> Resource | list[Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, (dict, list)) else None


def _report(path: Path, resource: Resource, found: Resources) -> Report | Failure | Skipped:
    status = _STATUS.get(word(resource.get("status")), ReportStatus.PRELIMINARY)
    subjects = found.references(resource, "subject")
    studies = found.references(resource, "imagingStudy") + found.references(resource, "study")
    parts = _sections(resource, found)
    if scope.is_other(*_procedure(resource, studies), parts.technique):
        return Skipped("report.not_chest")
    gone = status is ReportStatus.WITHDRAWN
    if not gone and parts.is_empty:
        scan = Skipped("report.scanned") if is_scan(resource, found) else None
        return scan or Failure("report.empty", "A FHIR DiagnosticReport holds no text.", path=str(path))
    accession, study_uid, patient = _accession(resource, studies, found), _study_uid(studies), _patient(subjects)
    if not (accession or study_uid or patient) and is_away(subjects + studies):
        return Failure("report.unresolved", CODES["report.unresolved"].sentence, path=str(path))
    own = next((word(one.get("value")) for one in items(resource.get("identifier"))), "")
    return Report(
        source=path.name,
        external_id=accession or decode.identifier(own or word(resource.get("id")) or path.stem),
        accession=accession,
        study_uid=study_uid,
        patient_id=patient,
        reported_at=dates.moment(_time(resource)),
        findings="" if gone else parts.findings,
        impression="" if gone else parts.impression,
        comparison="" if gone else parts.comparison,
        indication="" if gone else _indication([*found.references(resource, "basedOn"), *studies], parts.indication),
        status=status,
        addendum="" if gone else parts.addendum,
        appended=word(resource.get("status")) == "appended",
    )


# -- the text ---------------------------------------------------------------------------------------------------------


def _sections(resource: Resource, found: Resources) -> Sections:
    """Sections of the report; the conclusion is the impression where there is no other, its codes where there is nothing."""
    parts, conclusion = _parts(resource, found), word(resource.get("conclusion"))
    if not parts and not conclusion:
        names = dict.fromkeys(name for _, name in codes(resource.get("conclusionCode")) if name)
        conclusion = "".join(f"{name}. " for name in names)
    sections = assemble.assemble(parts)
    if sections.impression or not conclusion.strip():
        return sections
    return assemble.assemble([*parts, ("impression", conclusion)])


def _parts(resource: Resource, found: Resources) -> list[assemble.Part]:
    """Sections of the results; where these have no findings, the report as it was presented, else its narrative."""
    parts = [part for result in found.references(resource, "result") for part in _observation(result)]
    if any(section in ("", "findings") for section, _ in parts):
        return parts
    whole = texts(resource, found)
    return [("", whole)] if whole else parts


def _observation(resource: Resource) -> Iterator[assemble.Part]:
    value = word(resource.get("valueString"))
    if not value or word(resource.get("status")) in ("entered-in-error", "cancelled"):
        return
    called = codes(resource.get("code"))
    coded = (assemble.SECTIONS[code] for code, _ in called if code in assemble.SECTIONS)
    named = filter(None, (section_named(name) for _, name in called))
    section = next(chain(coded, named), None)
    if section is not None:
        yield section, value


# -- who, what and when -----------------------------------------------------------------------------------------------


def _identifiers(resources: list[Resource]) -> Iterator[tuple[set[str], str, str]]:
    """(types, system, value) of all identifiers."""
    for resource in resources:
        for one in items(resource.get("identifier")):
            kinds = {code for code, _ in codes(one.get("type"))}
            yield kinds, word(one.get("system")), decode.identifier(word(one.get("value")))


def _accession(resource: Resource, studies: list[Resource], found: Resources) -> str:
    known = list(_identifiers([resource, *studies, *found.references(resource, "basedOn")]))
    numbers = dict.fromkeys(value for kinds, _, value in known if value and "ACSN" in kinds)
    return next(iter(numbers)) if len(numbers) == 1 else ""


def _study_uid(studies: list[Resource]) -> str:
    """The UID of the one study that is reported."""
    values = (value for _, system, value in _identifiers(studies) if system in ("urn:dicom:uid", "urn:ietf:rfc:3986"))
    uids = {uid for value in values if decode.is_uid(uid := value.removeprefix("urn:oid:"))}
    return uids.pop() if len(uids) == 1 else ""


def _patient(subjects: list[Resource]) -> str:
    numbers = [(kinds, value) for kinds, _, value in _identifiers(subjects) if value]
    return next((value for kinds, value in numbers if "MR" in kinds), numbers[0][1] if numbers else "")


def _procedure(resource: Resource, studies: list[Resource]) -> tuple[str, list[str]]:
    """Code of the modality, if there is one, and names of the procedure."""
    modalities = {code for study in studies for code, _ in codes(study.get("modality"))}
    names = [name for _, name in codes(resource.get("code"))]
    for study in studies:
        names += [word(study.get("description")), *(name for _, name in codes(study.get("procedureCode")))]
    return (modalities.pop() if len(modalities) == 1 else ""), names


def _indication(asked: list[Resource], section: str) -> str:
    """That of the report, else the reason of its request or study (R4 `reasonCode`, R5 `reason`), else a note there."""
    reasons = [name for one in asked for key in ("reasonCode", "reason") for _, name in codes(one.get(key))]
    notes = [word(note.get("text")) for one in asked for note in items(one.get("note"))]
    return indications.choose([section, *reasons, *notes])


def _time(resource: Resource) -> str:
    period = resource.get("effectivePeriod")
    begin = word(period.get("start")) if isinstance(period, dict) else ""
    return word(resource.get("issued")) or word(resource.get("effectiveDateTime")) or begin
