"""HL7 v2 observation reports (ORU^R01, versions 2.3 to 2.8): one report a group of OBR, OBX and NTE segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from cxrreport import indications
from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports.parsing import assemble, dates, decode, hl7_results, scope
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.parsing.hl7_messages import Broken, Message, read_messages
from cxrreport.reports.parsing.hl7_segments import Segment, parse_message

MAX_LINKED = 20
_STATUS = {
    "F": ReportStatus.FINAL, "FINAL": ReportStatus.FINAL, "V": ReportStatus.FINAL, "U": ReportStatus.FINAL,
    "C": ReportStatus.CORRECTED, "CORRECTED": ReportStatus.CORRECTED, "ADDENDUM": ReportStatus.CORRECTED,
    "D": ReportStatus.WITHDRAWN, "W": ReportStatus.WITHDRAWN, "X": ReportStatus.WITHDRAWN,
    "DELETED": ReportStatus.WITHDRAWN, "WRONG": ReportStatus.WITHDRAWN, "CANCELLED": ReportStatus.WITHDRAWN,
    "CANCELED": ReportStatus.WITHDRAWN,
}  # fmt: skip


@dataclass
class _Order:
    """One OBR with what belongs to it."""

    patient: Segment  # PID
    request: Segment
    common: Segment  # ORC
    results: list[Segment] = field(default_factory=list)  # OBX and NTE in order
    study: list[str] = field(default_factory=list)  # study UIDs of ZDS and IPC
    linked: _Order | None = None  # the one that has the report of both


def read(path: Path) -> Iterator[Report | Failure | Skipped]:
    """Read every report of a file of HL7 v2 messages; a broken message becomes a Failure and the rest is read.

    * an OBR is of the PID before it; where just one of a patient's OBRs has a text, and not of another part of the body,
      this is the report of all of them
    * text: OBX of type text and NTE, by the codes of sections, else their names; where no row has a section, a document of type
      ED: text, RTF, a PDF with a text layer
    * patient: PID-3, the repetition of type MR, else PI, else the first; its assigning authority is the issuer; else PID-2
    * accession number: the first of OBR-3 (filler), ORC-3 and OBR-18 that holds a digit (OBR-20 is a room or a device in
      real messages and is not asked); study UID: ZDS-1, IPC-3 or an OBX of code 113014
    * time: OBR-22 (status change), else OBR-7 (observation), else MSH-7
    * status: the weaker of OBR-25 and of OBX-11 of the texts, none counts as final; deleted and wrong rows (D, W, X)
      are left out, and where nothing else is left the report is withdrawn
    * indication: its section, else OBR-31 (reason for study), OBR-13 (relevant clinical information) or notes whose type
      (NTE-4) is a reason, which are no part of the text
    """
    for number, message in enumerate(read_messages(path), start=1):
        yield from _reports(path, number, message)


def _reports(path: Path, number: int, message: Message) -> Iterator[Report | Failure | Skipped]:
    if isinstance(message, Broken):
        make = decode.too_large if "larger" in message else decode.malformed
        yield make(path, f"Message {number} of an HL7 file {message}.")
        return
    try:
        segments = parse_message(message)
        yield from _of_message(path, number, segments)
    except ValueError as error:  # of our own parser: quotes nothing
        yield decode.malformed(path, f"Message {number} of an HL7 file {error}.")


def _of_message(path: Path, number: int, segments: list[Segment]) -> Iterator[Report | Failure | Skipped]:
    header = segments[0]
    if header.component(9, 1).upper() not in ("ORU", ""):
        yield Skipped("report.not_oru")
        return
    orders = _orders(segments)
    if not orders:
        yield decode.malformed(path, f"Message {number} of an HL7 file has no OBR segment.")
    for order in orders:
        try:
            yield _of_order(path, header, order)
        except ValueError as error:  # of our own parser: quotes nothing
            yield decode.malformed(path, f"Message {number} of an HL7 file {error}.")


def _orders(segments: list[Segment]) -> list[_Order]:
    orders: list[_Order] = []
    loose: list[str] = []
    common = blank = Segment("ORC", (), segments[0].delimiters)
    patients = [one for one in segments if one.name == "PID"]
    patient = patients[0] if len(patients) == 1 else Segment("PID", (), segments[0].delimiters)
    for segment in segments:
        if segment.name == "PID":
            patient, common, loose = segment, blank, []
        elif segment.name == "ORC":
            common = segment
        elif segment.name == "OBR":
            orders.append(_Order(patient, segment, common, study=loose))
            common, loose = blank, []
        elif segment.name in ("ZDS", "IPC"):
            own = orders and common is blank and orders[-1].patient is patient
            target = orders[-1].study if own else loose
            target.append(segment.component(1 if segment.name == "ZDS" else 3, 1))
        elif segment.name in ("OBX", "NTE") and orders:
            orders[-1].results.append(segment)
    for _, group in groupby(orders, key=lambda order: id(order.patient)):
        _share(list(group))
    return orders


def _share(orders: list[_Order]) -> None:
    """Give the one report of linked orders to all of them.

    A foot's is none of the chest's, nor one of another day; more than can be one sitting are not linked.
    """
    if not 1 < len(orders) <= MAX_LINKED:
        return
    told = [order for order in orders if _tells(order)]
    if len(told) == 1 and not _is_elsewhere(told[0]):
        for order in orders:
            if _is_near(order, told[0]):
                order.linked = told[0]


def _is_near(order: _Order, other: _Order) -> bool:
    """Were both observed within a day, as far as they tell (OBR-7)?"""
    one, two = (dates.hl7_moment(each.request.component(7, 1)) for each in (order, other))
    return one is None or two is None or abs(one - two) < timedelta(days=1)


def _tells(order: _Order) -> bool:
    try:
        return any(text.strip() for _, text in hl7_results.parts(order.results))
    except ValueError:  # what cannot be read is told where its own order is
        return True


def _is_elsewhere(order: _Order, technique: str = "") -> bool:
    return scope.is_other(order.request.component(24, 1), _procedure(order.request), technique)


def _of_order(path: Path, header: Segment, order: _Order) -> Report | Skipped:
    if _is_elsewhere(order):
        return Skipped("report.not_chest")
    number, issuer = _patient(order.patient)
    accession, study_uid = _accession(order), _study_uid(order)
    status, rows = _status(order)
    found = assemble.assemble(hl7_results.parts(rows))
    if _is_elsewhere(order, found.technique):
        return Skipped("report.not_chest")
    if status is not ReportStatus.WITHDRAWN and found.is_empty:
        return Skipped("report.scanned" if hl7_results.any_scanned(rows) else "report.empty")  # a status alone
    reported_at = _reported_at(header, order.request)
    texts = (found.findings, found.impression, found.addendum)
    return Report(
        source=path.name,
        external_id=accession
        or study_uid
        or order.request.component(2, 1)
        or decode.fingerprint(header.component(10, 1), str(reported_at), *texts),
        accession=accession,
        study_uid=study_uid,
        patient_id=number,
        issuer=issuer,
        reported_at=reported_at,
        findings=found.findings,
        impression=found.impression,
        comparison=found.comparison,
        indication="" if status is ReportStatus.WITHDRAWN else _indication(order, found.indication),
        status=status,
        addendum=found.addendum,
    )


# -- who, what and when -----------------------------------------------------------------------------------------------


def _patient(segment: Segment) -> tuple[str, str]:
    """Number and issuer of the patient."""
    numbers = [parts for parts in segment.repetitions(3) if parts[0]]
    for kind in ({"MR", "MRN"}, {"PI", "PN"}, None):
        for parts in numbers:
            if kind is None or (len(parts) > 4 and parts[4].upper() in kind):
                authority = segment.delimiters.first_subcomponent(parts[3]) if len(parts) > 3 else ""
                return parts[0], authority
    return segment.component(2, 1), ""


def _accession(order: _Order) -> str:
    given = (order.request.component(3, 1), order.common.component(3, 1), order.request.component(18, 1))
    return next((one for one in given if any(character.isdigit() for character in one)), "")


def _study_uid(order: _Order) -> str:
    """The study UID, if the message names just one."""
    coded = hl7_results.STUDY_UID_CODES
    rows = (row for row in order.results if row.name == "OBX" and row.component(3, 1).upper() in coded)
    uids = {uid for uid in (*order.study, *(row.component(5, 1) for row in rows)) if decode.is_uid(uid)}
    return uids.pop() if len(uids) == 1 else ""


def _procedure(request: Segment) -> list[str]:
    """What OBR says of the procedure: OBR-4 and OBR-44 (its codes' names), OBR-15 (part of the body), OBR-21."""
    return [request.text(4), request.text(44), request.component(15, 4), request.text(21)]


def _indication(order: _Order, section: str) -> str:
    coded = [text for number in (31, 13) for text in _texts(order.request, number)]
    notes = [row.prose(3) for row in order.results if hl7_results.is_reason(row)]
    return indications.choose([section, *coded, *notes])


def _texts(request: Segment, number: int) -> Iterator[str]:
    """Of each repetition of a coded field the text, else the original text, else the code; of a plain one itself."""
    for parts in request.repetitions(number):
        named = [*parts, *[""] * 9]
        yield named[1] or named[8] or named[0]


def _reported_at(header: Segment, request: Segment) -> datetime | None:
    given = (request.component(22, 1), request.component(7, 1), header.component(7, 1))
    return next(filter(None, map(dates.hl7_moment, given)), None)


# -- what holds -------------------------------------------------------------------------------------------------------


def _status(order: _Order) -> tuple[ReportStatus, list[Segment]]:
    """Status of the report and the rows that still hold, none of a withdrawn one."""
    telling = order.linked or order
    given = {one.request.component(25, 1).upper() for one in (order, telling)} - {""}
    rows: list[Segment] = []
    states = [_STATUS.get(one, ReportStatus.PRELIMINARY) for one in given]
    any_gone = False
    for row in telling.results:
        state = row.component(11, 1).upper() if row.name == "OBX" else ""
        status = _STATUS.get(state, ReportStatus.PRELIMINARY) if state else None
        if status is ReportStatus.WITHDRAWN:
            any_gone = any_gone or hl7_results.section_of(row) != "addendum"
            continue
        rows.append(row)
        if status and row.text(5):
            states.append(status)
    if ReportStatus.WITHDRAWN in states or (any_gone and not any(row.text(5) for row in rows if row.name == "OBX")):
        return ReportStatus.WITHDRAWN, []
    for status in (ReportStatus.PRELIMINARY, ReportStatus.CORRECTED):
        if status in states:
            return status, rows
    return ReportStatus.FINAL, rows
