"""HL7 v2 orders: whose they are, which are linked, and the documents that they hold."""

from base64 import b64encode

import pytest
from builders.hl7 import MSH, PID, ROWS, message, obr
from builders.pdf import pdf

from cxrreport.records import Report, ReportStatus
from cxrreport.reports.parsing.decode import Skipped


def test_each_order_belongs_to_the_patient_before_it(read):
    two = message(*ROWS, "PID|2||P2^^^SOUTH^MR", obr(filler="A2"), "OBX|1|TX|&GDT||Large pneumothorax.||||||F")
    found = [(one.patient_id, one.issuer, one.accession, one.findings) for one in read("feed.hl7", two)]
    assert found == [("P1", "NORTH", "A1", "Clear lungs."), ("P2", "SOUTH", "A2", "Large pneumothorax.")]


@pytest.mark.parametrize("place", range(3))
def test_linked_orders_have_one_report(read, place):
    rows = [obr(filler=f"A{n}") for n in range(3)]
    rows[place : place + 1] = [rows[place], *ROWS]
    found = read("feed.hl7", "\r".join([MSH, PID, *rows]))
    assert [(one.accession, one.findings, one.impression) for one in found] == [
        (f"A{n}", "Clear lungs.", "Normal.") for n in range(3)
    ]


def test_an_order_without_a_text_beside_two_with_one_is_empty(read):
    rows = [obr(filler="A1"), *ROWS, obr(filler="A2"), obr(filler="A3"), *ROWS]
    assert [getattr(one, "code", "") for one in read("feed.hl7", "\r".join([MSH, PID, *rows]))] == [
        "",
        "report.empty",
        "",
    ]


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (
            "TEXT^RTF",
            rb"{\rtf1\ansi FINDINGS: Small effusion.\par IMPRESSION: Effusion.}",
            ("Small effusion.", "Effusion."),
        ),
        ("TEXT^PLAIN", b"FINDINGS: Small effusion.\nIMPRESSION: Effusion.", ("Small effusion.", "Effusion.")),
        ("AP^PDF", pdf("FINDINGS: Small effusion.\nIMPRESSION: Effusion."), ("Small effusion.", "Effusion.")),
        ("AP^PDF", pdf("Small effusion."), ("Small effusion.", "")),
        ("AP^PDF", pdf(""), "report.scanned"),
        ("AP^PDF", pdf("FINDINGS: Clear.")[:200], "report.malformed"),
        ("TEXT^PLAIN", "FINDINGS: Clear.".encode("utf-16"), ("Clear.", "")),
        ("IM^JPEG", b"\xff\xd8\xff\x00", "report.empty"),
    ],
)
def test_a_document_in_a_row(only, kind, data, expected):
    row = f"OBX|1|ED|RPT^Report||^{kind}^Base64^{b64encode(data).decode()}||||||F"
    found = only("feed.hl7", message(row))
    assert ((found.findings, found.impression) if isinstance(found, Report) else found.code) == expected
    assert only("beside.hl7", message(*ROWS, row)).findings == "Clear lungs."  # a text of its own goes first
    if isinstance(found, Report):
        note = only("note.hl7", message("OBX|1|TX|||Large pneumothorax.||||||F", row)).findings.splitlines()
        assert sorted(note) == sorted(
            [expected[0], "Large pneumothorax."]
        )  # words may be all, or point to the document
        assert only("dose.hl7", message("OBX|1|NM|||2.1||||||F", row)).findings == expected[0]
    broken = row.replace("Base64^", "Base64^=")
    assert only("words.hl7", message("OBX|1|TX|||Large pneumothorax.||||||F", broken)).findings == "Large pneumothorax."
    assert only("cut.hl7", message(row.replace("Base64^", "Base64^="))).code == "report.malformed"


def test_a_report_of_another_part_of_the_body_is_not_the_chests(read):
    rows = [obr(filler="A1", procedure="73630^XR FOOT"), *ROWS, obr(filler="A2")]
    assert list(read("feed.hl7", "\r".join([MSH, PID, *rows]))) == [
        Skipped("report.not_chest"), Skipped("report.empty"),
    ]  # fmt: skip


@pytest.mark.parametrize("states", ["PF", "FP"])
def test_a_linked_order_is_as_preliminary_as_either(read, states):
    rows = [obr(filler="A1", status=states[0]), *ROWS, obr(filler="A2", status=states[1])]
    assert read("feed.hl7", "\r".join([MSH, PID, *rows]))[1].status is ReportStatus.PRELIMINARY


def test_rows_of_no_known_name_are_not_lost_beside_findings(only):
    rows = ("OBX|1|TX|BODY^Body^L||Large pneumothorax.||||||F", "OBX|2|TX|&GDT||Heart normal.||||||F",
            "OBX|3|TX|X^XR CHEST IMPRESSION^L||Pneumothorax.||||||F")  # fmt: skip
    found = only("feed.hl7", message(*rows))
    assert (sorted(found.findings.splitlines()), found.impression) == (
        ["Heart normal.", "Large pneumothorax."],
        "Pneumothorax.",
    )


def test_an_order_of_another_day_is_not_linked(read):
    rows = [obr(filler="A1"), *ROWS, obr(filler="A2", observed="20200506110000")]
    assert read("feed.hl7", "\r".join([MSH, PID, *rows]))[1] == Skipped("report.empty")


def test_a_study_named_before_an_order_is_that_of_its_patient(read):
    other = "PID|1||P2^^^NORTH^MR||ROE^R"
    zds = "ZDS|1.2.840.2^RIS^Application^DICOM"
    found = read("feed.hl7", "\r".join([MSH, PID, obr(filler="A1"), *ROWS, other, zds, obr(filler="A2"), *ROWS]))
    assert [(one.accession, one.study_uid) for one in found] == [("A1", ""), ("A2", "1.2.840.2")]


def test_a_broken_document_costs_its_own_order_alone(read):
    broken = "OBX|1|ED|RPT||^TEXT^^Base64^=||||||F"
    rows = [obr(filler="A1"), broken, obr(filler="A2"), *ROWS]
    assert [getattr(one, "code", "") for one in read("feed.hl7", "\r".join([MSH, PID, *rows]))] == [
        "report.malformed",
        "",
    ]
