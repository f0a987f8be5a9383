"""Which of two versions of a report holds, and what an addition adds to the one that is stored."""

from __future__ import annotations

import hashlib
from datetime import datetime, time

from cxrreport import addenda
from cxrreport.records import Report, ReportStatus
from cxrreport.store.columns import short
from cxrreport.store.schema import ReportRow

SIGNED = (ReportStatus.FINAL, ReportStatus.CORRECTED)
RANK = list(ReportStatus)  # of two of one time the later in this list holds


def take_in(row: ReportRow, report: Report) -> bool:
    """Take a report that was read into the row of the same one; tell whether it changed the row.

    A whole report takes the place of the stored one where it holds (`_supersedes`). An addition is put behind the stored
    text unless this says it already or is later; in whatever order they are read, and however often, none is lost or
    doubled.
    """
    if _is_addition(row, report):
        return _append(row, report)
    if not _supersedes(row, report):
        return False
    fill(row, report)
    return True


def fill(row: ReportRow, report: Report) -> None:
    """Put a report into a new row, or in the place of what a row holds but for additions that are later."""
    kept = _later_addenda(row, report)
    row.source, row.external_id = report.source, report.external_id
    row.status = ReportStatus.CORRECTED if kept and report.status in SIGNED else report.status
    row.accession = short(report.accession) or row.accession or ""
    row.study_uid = short(report.study_uid) or row.study_uid or ""
    row.issuer, row.mrn = short(report.issuer), short(report.patient_id)
    row.indication = report.indication or None
    if _is_addition(row, report):
        row.findings = row.impression = row.comparison = ""
        row.amended_at, row.addendum = _clock(report), _addition(report)
    else:
        row.reported_at = report.reported_at or row.reported_at
        row.findings, row.impression, row.comparison = report.findings, report.impression, report.comparison
        row.amended_at = row.amended_at if kept else None
        row.addendum = addenda.join([*addenda.part(report.addendum), *kept]) or None
    _changed(row)


def _append(row: ReportRow, report: Report) -> bool:
    """Put an addition behind the stored text."""
    added, before, at = _addition(report), addenda.part(row.addendum or ""), _clock(report)
    unsigned = report.status is ReportStatus.PRELIMINARY and row.status in SIGNED
    if unsigned or row.status is ReportStatus.WITHDRAWN or _is_earlier(report, row):
        return False
    takes_back = bool(
        before and at and row.amended_at and at > row.amended_at
    )  # it may say again what was denied since
    if addenda.holds(before[-1:] if takes_back else [row.findings, row.impression, *before], added):
        return False
    is_late = bool(before and at and row.amended_at and at < row.amended_at)  # the last to be written holds
    row.addendum = addenda.join([*before[:-1], added, before[-1]] if is_late else [*before, added])
    times = [one for one in (row.amended_at, at or row.reported_at) if one]
    row.amended_at = max(times, default=None)
    if row.status in SIGNED:
        row.status = ReportStatus.CORRECTED
    _changed(row)
    return True


def _changed(row: ReportRow) -> None:
    row.text_sha256 = text_sha256(row, row.identity_sha256)
    has_text = row.findings.strip() or row.impression.strip()
    row.text_digest = int(row.text_sha256[:10], 16) if has_text else None
    row.labels, row.label_source = {}, ""


def _is_addition(row: ReportRow, report: Report) -> bool:
    """Tell whether a report only adds: an addendum alone, or one that says so and does not tell what is stored again."""
    if report.status is ReportStatus.WITHDRAWN:
        return False
    text = " ".join((report.findings, report.impression))
    if not text.strip():
        return bool(report.addendum)
    stored = f"{row.findings}. {row.impression}"
    return report.appended and not (_is_whole(row) and addenda.retells([report.findings, report.impression], stored))


def only_adds(report: Report) -> bool:
    """Tell whether a report says of itself that it only adds."""
    bare = not report.findings.strip() and not report.impression.strip()
    return report.status is not ReportStatus.WITHDRAWN and (report.appended or (bare and bool(report.addendum)))


def adds_alone(row: ReportRow) -> bool:
    """Tell whether a row holds an addition alone, whose report has not been read yet."""
    return bool(row.addendum) and not _is_whole(row) and row.status is not ReportStatus.WITHDRAWN


def _addition(report: Report) -> str:
    return addenda.join([report.findings, report.impression, *addenda.part(report.addendum)])


def _is_whole(row: ReportRow) -> bool:
    """Tell whether a row holds a report, and no addition alone whose report has not been read yet."""
    return bool(row.findings or row.impression)


def _later_addenda(row: ReportRow, report: Report) -> list[str]:
    """Additions to keep where a whole report takes the place of what is stored."""
    if report.status is ReportStatus.WITHDRAWN or not row.addendum:
        return []
    reported_at = _clock(report)
    later = row.amended_at is not None and (reported_at is None or row.amended_at > reported_at)
    said = [report.findings, report.impression, *addenda.part(report.addendum)]
    kept = addenda.part(row.addendum) if later or not _is_whole(row) else []
    return [one for one in kept if not addenda.holds(said, one)]


def _supersedes(row: ReportRow, report: Report) -> bool:
    """Tell whether a whole report takes the place of the stored one.

    A signed report takes the place of a preliminary one and never the reverse. Else the later one holds; of one time,
    or where a time is missing, withdrawn before corrected before final before preliminary; of two alike, the last read.
    """
    if not _is_whole(row) and row.status is not ReportStatus.WITHDRAWN:
        return True
    if report.status is ReportStatus.PRELIMINARY and row.status in SIGNED:
        return False
    if row.status is ReportStatus.PRELIMINARY and report.status in SIGNED:
        return True
    old, new = row.reported_at, _clock(report)
    if old is not None and new is not None and new != old:
        return new > old
    if row.status is not report.status:
        return RANK.index(report.status) > RANK.index(row.status)
    return (old is None and new is not None) or not _says_the_same(row, report)


def _says_the_same(row: ReportRow, report: Report) -> bool:
    """White space is no difference, nor is what was added to the stored text since."""
    return _sections(row) == _sections(report) and (
        not report.addendum or addenda.holds(addenda.part(row.addendum or ""), report.addendum)
    )


def _is_earlier(report: Report, row: ReportRow) -> bool:
    """Is an addition earlier than the corrected report that holds it? Midnight stands for a day without a time.

    Where nobody has corrected the report, what is added to it is later, and its time is that of the examination.
    """
    reported_at = _clock(report)
    if reported_at is None or row.reported_at is None or row.status is not ReportStatus.CORRECTED:
        return False
    if row.amended_at and row.amended_at < row.reported_at:  # so was the addition that corrected it
        return False
    a_day_alone = reported_at.time() == time.min
    return reported_at.date() < row.reported_at.date() if a_day_alone else reported_at < row.reported_at


def _clock(report: Report) -> datetime | None:
    """The hospital's own clock, as it is stored."""
    return report.reported_at and report.reported_at.replace(tzinfo=None)


# -- identity ---------------------------------------------------------------------------------------------------------


def identity_sha256(report: Report) -> str:
    """Digest what a report is known by."""
    patient = (report.issuer, report.patient_id)
    if report.study_uid:
        return digest("study", report.study_uid, *patient)
    if report.accession:
        return digest("accession", report.accession, *patient)
    return digest("file", report.source, report.external_id, *patient)


def text_sha256(said: Report | ReportRow, identity: str) -> str:
    """Digest identity and text; white space is no difference."""
    added = [" ".join(said.addendum.split())] if said.addendum else []
    return digest(identity, *_sections(said), *added)


def digest(*parts: str) -> str:
    """Digest parts so that no two lists of parts run together."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "replace")).hexdigest()


def _sections(said: Report | ReportRow) -> list[str]:
    return [" ".join(section.split()) for section in (said.findings, said.impression, said.comparison)]
