"""HL7 v2 messages: framing, identity, status, sections, character sets; python-hl7 is the peer."""

import re
from datetime import datetime

import pytest
from builders.hl7 import MSH, PID, ROWS, message, obr

from cxrreport.records import Report, ReportStatus
from cxrreport.reports.parsing import assemble
from cxrreport.reports.parsing.decode import Skipped


def test_a_whole_message(only):
    zds = "ZDS|1.2.840.77^RIS^Application^DICOM"
    assert only("feed.hl7", message(*ROWS, zds)) == Report(
        "feed.hl7", "A1", accession="A1", study_uid="1.2.840.77", patient_id="P1", issuer="NORTH",
        reported_at=datetime(2024, 5, 6, 11, 59), findings="Clear lungs.", impression="Normal.",
    )  # fmt: skip


R31, R13 = {"f31": "R07.9^Chest pain^I10"}, {"f13": "Fever, r/o pneumonia"}
NOTE, REASON = "NTE|1||Call ward 5.", "NTE|2||Fall from a horse.|1R^Primary reason"


@pytest.mark.parametrize(
    ("order", "rows", "expected"),
    [
        (R31 | R13, ROWS, "Chest pain"),
        (R13, ROWS, "Fever, r/o pneumonia"),
        ({"f31": "^^^R07.9^^^^^Chest pain, left"}, ROWS, "Chest pain, left"),
        ({"f31": "XR CHEST~R05.9"}, ROWS, "R05.9"),
        (R31, ("OBX|1|TX|11329-0^^LN||Cough.||||||F", *ROWS), "Cough."),
        (R31, ("OBX|1|TX|1||CLINICAL HISTORY: Dyspnea~FINDINGS: Clear.||||||F",), "Dyspnea"),
        ({"f31": "^Unknown"}, (NOTE, REASON, *ROWS), "Fall from a horse."),
        ({}, (NOTE, *ROWS), ""),
    ],
)
def test_the_indication(only, order, rows, expected):
    found = only("feed.hl7", message(*rows, order=obr(**order)))
    assert found.indication == expected
    assert "horse" not in found.findings and "ough" not in found.findings


def test_a_withdrawn_report_keeps_no_indication(only):
    assert only("feed.hl7", message(*ROWS, order=obr(status="X", **R31))).indication == ""


# -- framing ----------------------------------------------------------------------------------------------------------


def test_other_messages_are_skipped(only):
    assert only("feed.hl7", message(head=MSH.replace("ORU^R01", "ADT^A08"))) == Skipped("report.not_oru")
    assert only("feed.hl7", message("OBX|1|RP|1||P^UK||||||F")) == Skipped("report.empty")


# -- who and when -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patient", "number", "issuer"),
    [
        ("PID|1||P1^^^NORTH^MR", "P1", "NORTH"),
        ("PID|1||E1^^^E^PI~P1^^^N^MRN", "P1", "N"),
        ("PID|1||E1^^^E^SS~P1^^^N^PI", "P1", "N"),
        ("PID|1||P1", "P1", ""),
        ("PID|1|P2||", "P2", ""),
        ('PID|1||""|', "", ""),
        ("PID|1", "", ""),
    ],
)
def test_the_patient(only, patient, number, issuer):
    found = only("feed.hl7", message(patient=patient))
    assert (found.patient_id, found.issuer) == (number, issuer)


UID_ROW = "OBX|3|HD|113014^DICOM Study^DCM||1.2.3.4||||||F"


@pytest.mark.parametrize(
    ("segments", "accession", "uid"),
    [
        (["ORC|RE|P|B2", obr(filler="A1^RIS")], "A1", ""),
        (["ORC|RE|P|B2^RIS", obr(filler="")], "B2", ""),
        (["ORC|RE", obr(filler="", f18="C3")], "C3", ""),
        (["ORC|RE", obr(filler="", f18="CHEST", f20="ROOM5")], "", ""),
        ([obr(), UID_ROW], "A1", "1.2.3.4"),
        ([obr(), "ZDS|1.2.3.4^RIS"], "A1", "1.2.3.4"),
        ([obr(), "ZDS|1.2.3.4^RIS", "ZDS|1.2.3.5^RIS"], "A1", ""),
        ([obr(), "ZDS|nonsense"], "A1", ""),
        (["ORC|RE", "IPC|A1|RP1|1.2.3.9|SPS1", obr()], "A1", "1.2.3.9"),
    ],
)
def test_the_accession_number_and_the_study_uid(only, segments, accession, uid):
    found = only("feed.hl7", "\r".join([MSH, PID, *segments, *ROWS]))
    assert (found.accession, found.study_uid, found.external_id) == (accession, uid, accession or "PL1")
    assert found.findings + found.impression == "Clear lungs.Normal."


@pytest.mark.parametrize(
    ("changed", "observed", "expected"),
    [
        ("20240506", "", datetime(2024, 5, 6)),
        ("202405061011", "", datetime(2024, 5, 6, 10, 11)),
        ("2024050610", "", datetime(2024, 5, 6, 10)),
        ("20240506101112.1234-0600", "", datetime(2024, 5, 6, 10, 11, 12)),
        ("", "20240101", datetime(2024, 1, 1)),
        ("20249999", "2024", datetime(2024, 5, 6, 12)),
    ],
)
def test_the_time(only, changed, observed, expected):
    assert only("feed.hl7", message(order=obr(observed=observed, f22=changed))).reported_at == expected


def test_every_order_of_a_message_is_a_report(read):
    rows = [
        obr(filler="A1"),
        *ROWS,
        "ZDS|1.2.3",
        "ORC|RE",
        obr(filler="A2"),
        "OBX|1|TX|&IMP||Effusion.||||||F",
        "ZDS|1.2.4",
    ]
    found = read("feed.hl7", "\r".join([MSH, PID, *rows]))
    assert [(one.accession, one.study_uid, one.impression) for one in found] == [
        ("A1", "1.2.3", "Normal."),
        ("A2", "1.2.4", "Effusion."),
    ]


# -- status -----------------------------------------------------------------------------------------------------------

P, F, C, W = ReportStatus.PRELIMINARY, ReportStatus.FINAL, ReportStatus.CORRECTED, ReportStatus.WITHDRAWN


@pytest.mark.parametrize(
    ("order", "rows", "expected"),
    [
        ("F", "FF", F), ("", "FF", F), ("", "", F), ("Final", "", F), ("C", "FF", C), ("F", "FC", C), ("P", "FF", P),
        ("F", "FP", P), ("Prelim", "", P), ("Wet Read", "", P), ("R", "", P), ("I", "", P), ("X", "FF", W), ("F", "DD", W),
        ("F", "WX", W), ("", "RR", P), ("A", "FF", P),
    ],
)  # fmt: skip
def test_the_status_is_the_weakest_told(only, order, rows, expected):
    first, second = (rows or "  ").strip() or ("", "")
    content = message(
        f"OBX|1|TX|&GDT||Clear.||||||{first}", f"OBX|2|TX|&IMP||Normal.||||||{second}", order=obr(status=order)
    )
    found = only("feed.hl7", content)
    assert found.status is expected
    assert bool(found.findings) == (expected is not W)


# -- the text ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "section"),
    [
        ("&GDT", "findings"), ("71045&GDT", "findings"), ("59776-5^Findings^LN", "findings"), ("&IMP", "impression"),
        ("19005-8^Impression^LN", "impression"), ("121073^Impression^DCM", "impression"), ("&REC", "impression"),
        ("18834-2^Comparison^LN", "comparison"), ("18782-3^Report^LN", "findings"), ("1", "findings"),
    ],
)  # fmt: skip
def test_sections_of_codes(only, code, section):
    found = only("feed.hl7", message("OBX|1|TX|9||FINDINGS: x||||||F", f"OBX|2|TX|{code}||Some words.||||||F"))
    assert "Some words." in getattr(found, section)


@pytest.mark.parametrize(
    "rows",
    [
        (*ROWS, "OBX|3|TX|&ADT||ADDENDUM: A nodule after all.||||||C"),
        (*ROWS, "OBX|3|TX|&ADT||A nodule after all.||||||C"),
        (
            "OBX|1|TX|||FINDINGS: Clear lungs.||||||F",
            "OBX|2|TX|||IMPRESSION: Normal. Addendum: A nodule after all.||||||C",
        ),
    ],
)
def test_an_addendum_stands_beside_the_sections(only, rows):
    found = only("feed.hl7", message(*rows))
    assert (found.findings, found.impression, found.addendum) == ("Clear lungs.", "Normal.", "A nodule after all.")
    assert found.status is C


def test_an_addendum_may_be_a_message_of_its_own(only):
    found = only("feed.hl7", message("OBX|1|TX|&ADT||Addendum: The ward was told.||||||C"))
    assert (found.findings, found.impression, found.addendum) == ("", "", "The ward was told.")


@pytest.mark.parametrize(
    ("rtf", "words"),
    [
        (r"Chest: {\rtf1 Clear.} {\rtf1 No\tab effusion.}", "Chest:\nClear.\nNo\teffusion."),
        (r"{\rtf1\uc0 Caf\u233 \u-10179\u-8448 }", "Café\U0001f700"),  # a letter in two halves
        (r"{\rtf1 {\info{\author DOE}}{\*\generator x}Clear.}", "Clear."),
        (r"{\rtf1 \uc x\u99999999999 y}", ""),  # broken
        (r"{\rtf1 {\deleted No} effusion.}", "effusion."),  # a tracked deletion
        (r"{\rtf1\v DOE\v0 Heart normal. {\v\b x}Clear.}", "Heart normal. Clear."),  # hidden text
        (r"{\rtf1\deleted No\plain  effusion.}", "effusion."),
        (r"{\rtf1 \'zz Clear.}", "zz Clear."),  # an escape that is none
        (r"{\rtf1{\fonttbl" + r"\f0" * 300_000 + "}Clear.}", "Clear."),  # in time
    ],
)
def test_rtf_leaves_its_words(rtf, words):
    assert assemble.plain(rtf) == words


@pytest.mark.parametrize(
    ("rows", "findings", "impression"),
    [
        (["OBX|1|TX|&GDT||Clear lungs.\nNo effusion.||||||F", "OBX|2|TX|&IMP||Normal.||||||F"],  # a line that is no segment
         "Clear lungs.\nNo effusion.", "Normal."),
        (["OBX|1|TX|&GDT||The lungs are~clear.||||||F", "OBX|2|FT|&GDT||No\\.br\\effusion.||||||F", "NTE|1||Old note.",
          "OBX|3|CWE|&IMP||N^Normal chest.^L||||||F"],
         "The lungs are\nclear.\nNo\neffusion.\nOld note.", "Normal chest."),
        (["NTE|1||FINDINGS: Clear.", "NTE|2||IMPRESSION: Normal."], "Clear.", "Normal."),
        (["OBX|1|TX|&GDT||Mass.||||||D", "OBX|2|TX|&GDT||Clear.||||||C"], "Clear.", ""),  # a deleted row
        (["OBX|1|TX|1||GUY WHO, M.D.~~*****FINAL REPORT*****~ACC# Date~A1 May 6 CHEST||||||F",  # signatures
          "OBX|2|TX|1||FINDINGS:~Clear.~IMPRESSION:~Normal.||||||F",
          "OBX|3|TX|1||Requested By: Roe,Sam~Dictated By: Guy Who on May 6~~"
          "This document has been electronically signed by: Guy Who, M.D. on~May 06 2024 08:18PM||||||F",
          "OBX|4|TX|&TCM||Patient was DOE.||||||F"],
         "Clear.", "Normal."),
        ([r"OBX|1|TX|&GDT||{\E\rtf1{\E\fonttbl{\E\f0 Arial;}}\E\f0 Heart \E\b normal\E\b0 .\E\par Caf\E\'e9.}||||||F"],
         "Heart normal.\nCafé.", ""),
        (["OBX|1|TX|&GDT||<p>Clear \\T\\lt; lungs.</p><script>x()</script>No<br/>effusion.||||||F"],
         "Clear < lungs.\n\nNo\neffusion.", ""),
    ],
)  # fmt: skip
def test_the_words_of_the_rows(only, rows, findings, impression):
    found = only("feed.hl7", message(*rows))
    assert re.sub(r"\n+", "\n", found.findings) == re.sub(r"\n+", "\n", findings) and found.impression == impression


def test_sections_by_name(only):
    rows = (
        "OBX|1|TX|HISTORY^Clinical History^L||Pneumonia?||||||F", "OBX|2|TX|FINDINGS^Findings^L||Clear.||||||F",
        "OBX|3|TX|IMP^Opinion^L||Normal.||||||F", "OBX|4|TX|EXAM^Report^L||IMPRESSION: Well.||||||F",
    )  # fmt: skip
    found = only("feed.hl7", message(*rows))
    assert (found.indication, found.findings, found.impression) == ("Pneumonia?", "Clear.", "Well.\nNormal.")


def test_marks_of_a_log_are_words_elsewhere(only):
    assert only("feed.hl7", message("OBX|1|TX|&GDT||Opacity <R> base.||||||F")).findings == "Opacity <R> base."


def test_words_between_angles_are_kept(only):
    found = only(
        "feed.hl7", message("OBX|1|TX|&GDT||<left> base <b>clear</b>, nodule <5 mm and effusion >1 cm.||||||F")
    )
    assert found.findings == "<left> base clear, nodule <5 mm and effusion >1 cm."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A <small left pneumothorax>. Normal.", "A <small left pneumothorax>. Normal."),
        ("Fracture <head of the clavicle>. <a large mass>", "Fracture <head of the clavicle>. <a large mass>"),
        ("<head><title>T</title></head><b>No</b> <small>effusion</small>.", "No effusion."),
        ("<p class='x'>Clear <!-- not --> lungs.</p> <!-- open", "Clear  lungs.\n <!-- open"),
        ("<p>x &#" + "1" * 5000 + ";</p>y", "x \ny"),
    ],
)
def test_mark_up_goes_and_words_between_angles_stay(text, words):
    assert assemble.plain(text) == words


def test_a_deleted_addendum_withdraws_no_report(only):
    assert only("feed.hl7", message("OBX|1|TX|&ADT||Addendum: x||||||D")) == Skipped("report.empty")


@pytest.mark.parametrize(
    ("given", "codec"),
    [
        ("8859/1", "utf-8"),
        ("UNICODE UTF-8", "utf-8"),
        ("8859/1", "latin-1"),
        ("8859/15", "iso8859-15"),
        ("", "utf-8"),
        ("", "latin-1"),
        ("NONSENSE", "utf-8"),
    ],
)
def test_character_sets(only, given, codec):
    content = message("OBX|1|TX|&GDT||Épanchement à gauche.||||||F", head=f"{MSH}||||||{given}")
    assert only("feed.hl7", content, encoding=codec).findings == "Épanchement à gauche."


def test_other_separators(only):
    content = message().replace("|", "#").replace("^", "*")
    found = only("feed.hl7", content)
    assert (found.accession, found.patient_id, found.findings) == ("A1", "P1", "Clear lungs.")


# -- scope ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modality", "procedure", "chest"),
    [
        ("CR", "71045^XR CHEST 1 VIEW", True),
        ("DX", "BED74000^Abdomen single view^UNKDEV", False),
        ("CT", "71250^CT CHEST", False),
        ("IMG", "2400^MRI CHEST WO CONTRAST", False),
        ("IMG", "X^XR SING VIEW", True),
        ("", "71100^XR RIBS AND CHEST", True),
        ("CR", "X^XR CHEST ABDOMEN NEWBORN", True),
        ("DX", "X^XR Thoracic Spine 1 View", False),
        ("US", "X^CHEST", False),
        ("", "", True),
    ],
)
def test_what_is_clearly_no_chest_radiograph_is_skipped(only, modality, procedure, chest):
    found = only("feed.hl7", message(order=obr(procedure=procedure, f24=modality)))
    assert isinstance(found, Report) if chest else found == Skipped("report.not_chest")


def test_the_report_itself_tells_where_the_order_does_not(only):
    rows = ("OBX|1|TX|1||EXAMINATION: Left foot~FINDINGS: No fracture.||||||F",)
    assert only("feed.hl7", message(*rows, order=obr(procedure="X^RADIOLOGY EVENT"))) == Skipped("report.not_chest")


# -- the peer and the fuzz --------------------------------------------------------------------------------------------
