"""HL7 v2 messages: read back by two other libraries and by our own reader; preliminary, labelled, the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import hl7
import pytest
from builders.tool import Tool
from builders.views import DRAFT, FINDING_ROWS, NAMELESS, PATIENT, STUDY, TEXT, study_view
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message as parse_hl7apy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxrreport import DISCLAIMER
from cxrreport.export.hl7 import CODES, make, write_message
from cxrreport.export.hl7_fields import escape, escape_lines
from cxrreport.export.site import Site
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.findings import State
from cxrreport.records import Report, ReportStatus
from cxrreport.reports.parsing.hl7_segments import Delimiters
from cxrreport.reports.readers import Skipped, read_path
from cxrreport.reports.readers import hl7 as reader
from cxrreport.settings import Settings

ANY = st.text(st.characters(exclude_categories=["Cs"]))
PRINTED = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=20)


def parsed(view: StudyView, site: Site | None = None) -> hl7.Message:
    return hl7.parse(write_message(view, site or Site())[1])


def results(view: StudyView, site: Site | None = None) -> dict[str, Any]:
    """Rows by the first part of OBX-3; a row of "CHANGE" by that and the number of its finding."""
    rows = parsed(view, site).segments("OBX")
    return {f"CHANGE {row[4]}" if str(row[3]).startswith("CHANGE") else str(row[3]).split("^")[0]: row for row in rows}


def test_the_message_is_valid_for_hl7apy() -> None:
    """Texts are short here: hl7apy takes every OBX-5 for an ST of at most 199 characters, whatever OBX-2 says."""
    _, message = write_message(study_view(), Site())
    parse_hl7apy(message, validation_level=VALIDATION_LEVEL.STRICT).validate()


def test_patient_study_and_times_stand_where_a_receiver_looks() -> None:
    message = parsed(study_view())
    head, patient, request = (message.segment(name) for name in ("MSH", "PID", "OBR"))
    assert (str(head[3]), str(head[9]), str(head[12]), str(head[18])) == (
        "CXRREPORT", "ORU^R01^ORU_R01", "2.5.1", "UNICODE UTF-8",
    )  # fmt: skip
    assert (str(patient[3]), str(patient[7]), str(patient[8])) == ("P1^^^HOSP^MR", "19500102", "F")
    assert (str(request[3]), str(request[7]), str(request[22])) == ("A1", "20240305101500", "20240306010203+0000")
    assert str(message.segment("ORC")[3]) == "A1" and str(results(study_view())["113014"][5]) == "1.2.3.4"


def test_nobody_has_no_number() -> None:
    _, message = write_message(study_view(patient=NAMELESS), Site())
    assert str(hl7.parse(message).segment("PID")[3]) == "" and "nobody" not in message


def test_a_study_without_a_time_has_its_date_alone() -> None:
    message = parsed(study_view(study=replace(STUDY, time_known=False)))
    assert str(message.segment("OBR")[7]) == "20240305"


def test_everything_is_preliminary_and_every_text_is_labelled() -> None:
    message = parsed(study_view())
    assert str(message.segment("OBR")[25]) == "P"
    assert {str(row[11]) for row in message.segments("OBX")} == {"P"}
    texts = [str(row[5]) for row in message.segments("OBX") if str(row[2]) == "FT"]
    assert len(texts) == 3 and all(text.startswith(f"{DISCLAIMER}\\.br\\") for text in texts)
    assert str(message.segment("NTE")[3]) == DISCLAIMER


def test_a_finding_has_its_state_its_change_and_their_probabilities() -> None:
    rows = results(study_view())
    effusion = rows["60046008"]
    assert (str(effusion[5]), str(effusion[9])) == ("52101004^Present^SCT", "0.9100")
    assert str(effusion[3]) == "60046008^Pleural effusion^SCT^EFF^pleural effusion^99CXRREPORT"
    change = rows[f"CHANGE {effusion[4]}"]
    assert (str(change[5]), str(change[9])) == ("NEW^new^99CXRREPORT", "0.8400")
    assert str(rows["36118008"][5]) == "272519000^Absent^SCT" and f"CHANGE {rows['36118008'][4]}" not in rows
    assert str(rows["233604007"][5]) == "373068000^Undetermined^SCT"


def test_what_was_not_judged_is_not_told() -> None:
    blank = [replace(row, state=State.BLANK, change=None) for row in FINDING_ROWS]
    rows = results(study_view(draft={"finding_rows": tuple(blank)}))
    assert list(rows) == ["113014", "59776-5", "19005-8", "18834-2"]


def test_a_site_names_its_systems_and_codes() -> None:
    site = Site("CXR|NORTH", "RIS|SOUTH", {"pleural effusion": "PE^Effusion^LOCAL", "findings": "FIND^Findings^LOCAL"})
    head = parsed(study_view(), site).segment("MSH")
    assert [str(head[n]) for n in (3, 4, 5, 6)] == ["CXR", "NORTH", "RIS", "SOUTH"]
    assert str(results(study_view(), site)["PE"][3]) == "PE^Effusion^LOCAL" and "FIND" in results(study_view(), site)


def test_the_settings_take_a_code_for_every_row() -> None:
    rows = {name: "A^a^L" for name in (*CODES, *(row.finding for row in FINDING_ROWS if row.finding != "no finding"))}
    assert Settings(hl7_codes=rows).hl7_codes == rows
    for wrong in ({"no finding": "A^a^L"}, {"edema": "A"}, {"edema": "A^a|^L"}):
        with pytest.raises(ValueError, match="code"):
            Settings(hl7_codes=wrong)
    with pytest.raises(ValueError, match="facility"):
        Settings(hl7_sender="A|B|C")


def test_the_same_study_has_the_same_message_and_another_one_another_control_id() -> None:
    one, same = (list(make(Subject(study_view(), 1))) for _ in range(2))
    assert one == same and one[0].name == "hl7/7.hl7"
    assert one[0].uid == str(hl7.parse(one[0].content.decode()).segment("MSH")[10])
    other = list(make(Subject(study_view(draft={"impression": "Other."}), 1)))
    assert other[0].uid != one[0].uid and len(one[0].uid) == 20  # MSH-10 holds no more


def read(tmp_path: Path, view: StudyView) -> list[Any]:
    place = tmp_path / "one.hl7"
    place.write_bytes(write_message(view, Site())[1].encode())
    return list(reader.read(place))


def test_our_reader_finds_the_study_and_that_nobody_has_signed(tmp_path: Path) -> None:
    (report,) = read(tmp_path, study_view())
    assert isinstance(report, Report)
    assert (report.patient_id, report.issuer, report.accession, report.study_uid) == ("P1", "HOSP", "A1", "1.2.3.4")
    assert report.status is ReportStatus.PRELIMINARY
    assert TEXT in report.findings and DRAFT.impression in report.impression


def test_index_takes_no_draft_of_ours_for_a_report(tmp_path: Path) -> None:
    (tmp_path / "one.hl7").write_bytes(write_message(study_view(), Site())[1].encode())
    assert list(read_path(tmp_path, {}, preliminary=True)) == [Skipped("report.draft")]


def test_other_names_and_codes_of_the_site_are_other_messages(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRREPORT_HL7_SENDER", "CXR|NORTH")
    for codes in ({}, {"procedure": "XC^Chest^LOCAL"}):
        monkeypatch.setenv("CXRREPORT_HL7_CODES", json.dumps(codes))
        assert drafted.json("export", tmp_path / "out", "--format", "hl7")["files"] > 0
        assert drafted.json("export", tmp_path / "out", "--format", "hl7")["files"] == 0  # nothing is written twice
        message = hl7.parse(next((tmp_path / "out" / "hl7").iterdir()).read_bytes().decode())
        assert str(message.segment("MSH")[4]) == "NORTH"
        assert str(message.segment("OBR")[4]) == codes.get("procedure", CODES["procedure"])


# -- hostile values ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(ANY)
@example("\\E\\F\\|^&~\x1c\r\x0b\x85\u2028\\.br\\")
def test_any_text_comes_back(text: str) -> None:
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert Delimiters().unescape(escape_lines(text)) == expected
    assert Delimiters().unescape(escape(text)) == expected.replace("\n", " ")
    assert len(escape_lines(text).splitlines()) < 2


@settings(max_examples=30, deadline=None)
@given(PRINTED, PRINTED, PRINTED, ANY)
def test_no_value_leaves_its_field(mrn: str, issuer: str, accession: str, text: str) -> None:
    mrn = f"P1{mrn}"  # a number that names somebody
    patient, study = replace(PATIENT, mrn=mrn, issuer=issuer), replace(STUDY, accession=accession)
    view = study_view(draft={"findings": f"x{text}"}, patient=patient, study=study)
    message = parsed(view)
    assert [str(one[0]) for one in message] == [str(one[0]) for one in parsed(study_view())]
    number = hl7.parse(write_message(view, Site())[1]).segment("PID")[3][0]
    assert [message.unescape(str(number[part])) for part in (0, 3, 4)] == [mrn, issuer, "MR"]
    assert message.unescape(str(message.segment("OBR")[3])) == accession
