"""HL7 v2.5.1: one observation report (ORU^R01) a study, preliminary throughout; docs/hl7.md tells what stands where."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from cxrreport import DISCLAIMER, __version__
from cxrreport.export.coding import CHANGE, CHANGES, STATES, XR_CHEST, code_of, own_code
from cxrreport.export.folder import Item
from cxrreport.export.hl7_fields import coded, escape, escape_lines, moment, segment
from cxrreport.export.site import Site
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.export.words import FindingView
from cxrreport.store.views import DraftFacts, PatientFacts, StudyFacts

CODES = {  # of the rows that tell of no finding; a site names its own by the setting `hl7_codes`
    "procedure": coded(XR_CHEST),
    "findings": "59776-5^Procedure findings^LN",
    "impression": "19005-8^Radiology Imaging study [Impression]^LN",
    "comparison": "18834-2^Radiology Comparison study^LN",
    "change": coded(CHANGE),
}
_STUDY_UID = "113014^DICOM Study^DCM"
_PRELIMINARY = "P"  # HL7 tables 0085 and 0123
_SEXES = ("F", "M", "O")


def make(subject: Subject) -> Iterator[Item]:
    """The message of a study; its identifier is the control id (MSH-10)."""
    control_id, message = write_message(subject.view, subject.site)
    yield Item(f"hl7/{subject.view.stem}.hl7", message.encode(), control_id)


def write_message(view: StudyView, site: Site) -> tuple[str, str]:
    """Control id and message of a study with a draft; segments end with a carriage return.

    The control id is made of everything else, so that another message has another one.
    """
    draft, study = view.draft, view.held.study
    rows = [
        _patient(view.held.patient),
        segment("ORC", {1: "RE", 3: escape(study.accession)}),
        _request(draft, study, site),
        *(segment("NTE", {1: str(n), 2: "L", 3: escape(text)}) for n, text in enumerate(view.to_heed(), start=1)),
        *(segment("OBX", {1: str(n), **fields}) for n, fields in enumerate(_results(view, draft, site), start=1)),
    ]
    head = _header(draft, site)
    control_id = hashlib.sha256("\r".join([segment("MSH", head), *rows]).encode()).hexdigest()[:20]
    return control_id, "".join(f"{row}\r" for row in [segment("MSH", {**head, 9: control_id}), *rows])


def _header(draft: DraftFacts, site: Site) -> dict[int, str]:
    """MSH by numbers one less than the standard's, which counts the separator behind the name."""
    sender, _, sending_facility = site.hl7_sender.partition("|")
    receiver, _, receiving_facility = site.hl7_receiver.partition("|")
    names = {2: sender, 3: sending_facility, 4: receiver, 5: receiving_facility}
    kind = {1: r"^~\&", 8: "ORU^R01^ORU_R01", 10: "P", 11: "2.5.1", 17: "UNICODE UTF-8"}
    return {**names, **kind, 6: moment(draft.created_at)}


def _patient(patient: PatientFacts) -> str:
    number = f"{escape(patient.number)}^^^{escape(patient.issuer)}^MR" if patient.number else ""
    birth = f"{patient.birth_date:%Y%m%d}" if patient.birth_date else ""
    sex = patient.sex if patient.sex in _SEXES else ""
    return segment("PID", {1: "1", 3: number, 5: "^^^^^^U", 7: birth, 8: sex})  # the archive knows no name


def _request(draft: DraftFacts, study: StudyFacts, site: Site) -> str:
    taken, changed = moment(study.studied_at, study.time_known), moment(draft.created_at)
    procedure = _code("procedure", site)
    own = {3: escape(study.accession), 4: procedure, 7: taken, 22: changed, 24: "RAD", 25: _PRELIMINARY}
    return segment("OBR", {1: "1", **own})


# -- what was found ---------------------------------------------------------------------------------------------------


def _results(view: StudyView, draft: DraftFacts, site: Site) -> Iterator[dict[int, str]]:
    study, made = view.held.study, draft.provenance
    method = f"{made.weights_sha256[:16]}^cxrreport {__version__}"
    common = {11: _PRELIMINARY, 14: moment(study.studied_at, study.time_known), 18: method}
    yield {2: "ST", 3: _STUDY_UID, 5: escape(study.uid), **common}
    for name in ("findings", "impression", "comparison"):
        if text := getattr(draft, name):
            yield {2: "FT", 3: _code(name, site), 5: escape_lines(f"{DISCLAIMER}\n{text}"), **common}
    for number, finding in enumerate(view.findings, start=1):
        yield from ({**row, 4: str(number), **common} for row in _finding(finding, site))


def _finding(finding: FindingView, site: Site) -> Iterator[dict[int, str]]:
    """State, and change where there is one, each with its probability (OBX-9); nothing for what was not judged."""
    row = finding.row
    if state := STATES.get(row.state):
        yield {2: "CWE", 3: _code(row.finding, site), 5: coded(state), 9: _probability(row.probability)}
    if row.change in CHANGES:
        change = coded(CHANGES[row.change])
        yield {2: "CWE", 3: _code("change", site), 5: change, 9: _probability(row.change_probability)}


def _code(name: str, site: Site) -> str:
    """Code of a row or finding: the site's, else ours; of a finding with ours as the alternate."""
    if name in site.hl7_codes or name in CODES:
        return site.hl7_codes.get(name) or CODES[name]
    return coded(*dict.fromkeys((code_of(name), own_code(name))))


def _probability(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
