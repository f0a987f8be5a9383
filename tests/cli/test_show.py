"""`show`: one draft for a person and for a program, whichever way the study is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders.tool import Tool, Visit, write_visit
from cxrreport.cli.show import _SENTENCES

from cxrreport import DISCLAIMER
from cxrreport.codes import CODES
from cxrreport.export.tables.columns import SENTENCE
from cxrreport.export.words import OF_THE_PRIOR

PLAIN = "--without-retrieval"


@pytest.mark.parametrize("key", ["A103", "1.2.9.103", "3", " A103 "])
def test_accession_uid_and_id_name_the_same_study(drafted: Tool, key: str) -> None:
    found = drafted.json("show", key)
    assert found["study"]["accession"] == "A103" and found["study"]["uid"] == "1.2.9.103"


def test_json_holds_the_whole_draft(drafted: Tool) -> None:
    found = drafted.json("show", "A103")
    draft, provenance = found["draft"], found["draft"]["provenance"]
    assert found["disclaimer"] == DISCLAIMER and found["prior"]["accession"] == "A102"
    assert draft["status"] == "preliminary" and len(draft["finding_rows"]) == 14 and len(draft["references"]) == 5
    assert {"change", "prior_state", "probability"} <= set(draft["finding_rows"][0])
    assert draft["comparison"].startswith("Compared with the prior of 2024-03-05")
    assert all(draft[span["section"]][span["start_char"] : span["end_char"]] for span in draft["spans"])
    assert len(provenance["weights_sha256"]) == 64 and provenance["index_version"]


def test_a_person_sees_text_changes_references_and_provenance(drafted: Tool) -> None:
    assert drafted("show", "A103") == 0
    found = drafted.json("show", "A103")
    drafted("show", "A103")
    plain = " ".join(drafted.out.split())
    parts = (
        "Patient P1, F, 74 y",
        "Study A103, 2024-06-01 10:15 (id 3), PA",
        "Prior A102, 2024-03-05 10:15 (id 2), PA",
    )
    for part in (DISCLAIMER, *parts, found["draft"]["impression"], found["draft"]["priority_reason"]):
        assert part in plain
    assert " ".join(found["draft"]["comparison"].split()) in plain
    assert "Similar reports of the archive (5 retrieved)" in plain and "weights " in plain and "index 2" in plain
    changed = [row for row in found["draft"]["finding_rows"] if row["change"] not in (None, "absent")]
    assert changed and all(
        f"{row['change']} ({row['change_probability']:.0%})".replace("%", " %") in plain for row in changed
    )


def test_the_indication_is_shown_and_never_drives_the_terminal(drafted: Tool) -> None:
    drafted("show", "A103")
    assert "Indication" not in drafted.out and drafted.json("show", "A103")["study"]["indication"] is None
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE study SET indication = ?", ("Cough\x1b[2J and fever",))
    drafted("show", "A103")
    assert "Indication  Cough" in drafted.out and "\x1b[2J" not in drafted.out
    assert drafted.json("show", "A103")["prior"]["indication"] == "Cough\x1b[2J and fever"


@pytest.mark.parametrize("count", [0, 2])
def test_as_many_references_as_asked_for(drafted: Tool, count: int) -> None:
    drafted("show", "A103", "--references", str(count))
    assert ("Similar reports" in drafted.out) == bool(count)
    ranked = [line for line in drafted.out.splitlines() if line[2:5].strip().isdigit()]
    assert len(ranked) == count


def references(drafted: Tool, *texts: str) -> list[dict[str, Any]]:
    """Give the retrieved reports of A103 these texts, best rank first; returns them as JSON tells them."""
    found = drafted.json("show", "A103")["draft"]["references"]
    assert len(found) == len(texts)
    with drafted.connection() as connection:
        for row, words in zip(found, texts):
            change = (words, row["report_id"])
            connection.exec_driver_sql("UPDATE report SET findings = ?, impression = '' WHERE id = ?", change)
    return drafted.json("show", "A103")["draft"]["references"]


def table(drafted: Tool, count: int) -> list[list[str]]:
    drafted("show", "A103", "--references", str(count))
    lines = (line.split("│") for line in drafted.out.splitlines() if line[2:5].strip().isdigit())
    return [[cell.strip() for cell in cells[1:-1]] for cells in lines]


def test_references_that_say_the_same_are_one_row(drafted: Tool) -> None:
    texts = ("Lungs are clear.", "No effusion.", "1. The lungs are XXXX clear", "Effusion.", "LUNGS CLEAR.")
    found = references(drafted, *texts)
    assert [row["same_as"] for row in found] == [None, None, 1, None, 1]
    assert [row["rank"] for row in found] == [1, 2, 3, 4, 5] and [row["findings"] for row in found] == list(texts)
    rows = table(drafted, 5)
    assert "Similar reports of the archive (5 retrieved, 3 different)" in " ".join(drafted.out.split())
    together = sum(found[place]["weight"] for place in (0, 2, 4))
    assert [row[2] for row in rows] == [found[place]["accession"] for place in (0, 1, 3)]
    assert [row[3] for row in rows] == [found[place]["reported_at"][:10] for place in (0, 1, 3)]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("1", "×3", "Lungs are clear."),
        ("2", "", "No effusion."),
        ("4", "", "Effusion."),
    ]
    assert rows[0][4:6] == [f"{found[0]['score']:.2f}", f"{together:.2f}"]
    assert rows[1][4:6] == [f"{found[1]['score']:.2f}", f"{found[1]['weight']:.2f}"]
    assert [row[0] for row in table(drafted, 2)] == ["1", "2"]


@pytest.mark.parametrize(
    ("accession", "reason"), [("A101", "no earlier study"), ("A401", "the order of two studies is not certain")]
)
def test_why_there_is_no_prior_is_said_in_words(drafted: Tool, accession: str, reason: str) -> None:
    drafted("show", accession)
    assert f"Prior       none: {reason}" in drafted.out and "COMPARISON" not in drafted.out


def test_a_flag_is_explained_where_there_are_words_for_it(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE draft SET flags = ?", (json.dumps(["prior_unregistered", "other"]),))
    drafted("show", "A103")
    plain = " ".join(drafted.out.split())
    assert "flags prior_unregistered (the film of the prior could not be laid over" in plain and ", other" in plain


# -- sentences against the prior, and regions -------------------------------------------------------------------------


def say(drafted: Tool, accession: str, findings: str) -> None:
    """Let the draft of a study say this."""
    change = "UPDATE draft SET findings = ? WHERE study_id = (SELECT id FROM study WHERE accession = ?)"
    with drafted.connection() as connection:
        connection.exec_driver_sql("DELETE FROM span")
        connection.exec_driver_sql(change, (findings, accession))


def test_sentences_are_shown_against_the_signed_report_of_the_prior(drafted: Tool) -> None:
    with drafted.connection() as connection:
        report = "UPDATE report SET findings = 'Small effusion. Edema. No pneumothorax.', impression = 'Effusion.'"
        connection.exec_driver_sql(report)
    say(drafted, "A103", "Large effusion. Pneumothorax. The trachea is midline.")
    drafted("show", "A103")
    told = drafted.out.split("AGAINST THE PRIOR'S SIGNED REPORT\n", 1)[1].splitlines()
    said = ("~ Large effusion. [small -> large]", "+ Pneumothorax.", "+ The trachea is midline.")
    assert told[:5] == [*said, "- Edema.", "- No pneumothorax."] and not told[5].strip()
    found = drafted.json("show", "A103")
    assert found["prior_report"]["source"] == "report"
    first, *_, last = found["draft"]["sentences"]
    assert first | {"kind": "severity", "before": "small", "after": "large", "start": 0, "end": 15} == first
    assert last == dict.fromkeys(first) | {"kind": "dropped", "text": "No pneumothorax."}


def test_a_sentence_whose_change_is_withheld_is_shown_without_any(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE finding SET withheld = 'change'")
        connection.exec_driver_sql("UPDATE draft SET findings = 'Large right pleural effusion.'")
    assert drafted("show", "A103") == 0
    assert "? Large right pleural effusion." in drafted.out and "Changes not assessed" in drafted.out
    assert {*_SENTENCES} == {*SENTENCE[0].values}


def test_without_a_signed_report_the_draft_of_the_prior_is_compared_and_it_is_said(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE report SET study_id = NULL")
    say(drafted, "A102", "Edema.")
    say(drafted, "A103", "No edema.")
    drafted("show", "A103")
    told = drafted.out.split("AGAINST THE PRIOR'S DRAFT (IT HAS NO SIGNED REPORT)\n", 1)[1]
    assert told.startswith("+ No edema.\n- Edema.\n")
    assert drafted.json("show", "A103")["prior_report"]["source"] == "draft"


def test_without_a_prior_no_sentences_are_compared(drafted: Tool) -> None:
    drafted("show", "A101")
    found = drafted.json("show", "A101")
    assert "AGAINST" not in drafted.out and found["draft"]["sentences"] == [] and found["prior_report"] is None


def test_regions_are_a_table_and_in_the_json(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("DELETE FROM region")
    drafted("show", "A103")
    assert "Regions of the current film" not in drafted.out
    with drafted.connection() as connection:
        connection.exec_driver_sql(
            "INSERT INTO region (draft_id, finding, kind, x, y, w, h, score)"
            " SELECT draft.id, 'edema', 'change', 10, 20, 30, 40, 0.876 FROM draft"
        )
    drafted("show", "A103")
    (row,) = [line for line in drafted.out.split("Regions of the current film")[1].splitlines() if "edema" in line]
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["edema", "change", "10,20 30x40", "0.88"]
    (region,) = drafted.json("show", "A103")["draft"]["regions"]
    assert region == {"kind": "change", "x": 10, "y": 20, "w": 30, "h": 40, "score": 0.876, "finding": "edema"}


def test_an_unknown_study(drafted: Tool) -> None:
    assert drafted("show", "A999", "--json") == 2
    assert json.loads(drafted.out)["error"]["code"] == "study.unknown"


def test_an_ambiguous_accession_is_refused(tool: Tool, tmp_path: Path) -> None:
    write_visit(tmp_path, Visit("A1", "P1", "20240101"))
    write_visit(tmp_path, Visit("A2", "P2", "20240101"), AccessionNumber="A1")
    tool.json("generate", tmp_path, PLAIN)
    assert tool("show", "A1") == 2 and "more than one study (ids 1, 2)" in tool.err
    assert tool.json("show", "2")["study"]["accession"] == "A1"
    assert tool.json("show", "1.2.9.1")["study"]["accession"] == "A1"


def test_a_study_without_a_draft_says_so(tool: Tool, shared_export: Path) -> None:
    tool.json("generate", shared_export, "--dry-run")
    assert tool("show", "A103") == 3 and "There is no draft of this study to see" in tool.out
    assert "Patient     P1, F, 74 y" in tool.out and "Run `cxrreport generate`." in tool.out
    found = tool.json("show", "A103", code=3)
    assert found["draft"] is None and found["no_draft"]["code"] == "draft.none"


@pytest.mark.parametrize(
    ("code", "quarantined", "told"),
    [
        ("study.no_frontal", False, "has no usable frontal image"),
        ("scope.age", False, "under 18"),
        ("pixels.truncated", True, "Three attempts at the study have failed."),
    ],
)
def test_why_there_is_no_draft_is_said(drafted: Tool, code: str, quarantined: bool, told: str) -> None:
    failed = "INSERT INTO failure (run_id, study_id, code, message, attempts, quarantined) VALUES (1, 3, ?, ?, 3, ?)"
    with drafted.connection() as connection:
        connection.exec_driver_sql(failed, (code, CODES[code].sentence, quarantined))
    assert drafted("show", "A103") == 0 and f"No newer one {CODES[code].sentence} [{code}]" in drafted.out
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE draft SET status = 'superseded'")
    assert drafted("show", "A103") == 3 and told in drafted.out and CODES[code].mend in drafted.out
    found = drafted.json("show", "A103", code=3)["no_draft"]
    assert found["code"] == code and found["sentence"].startswith(CODES[code].sentence)


def test_a_draft_in_shadow_is_not_shown_and_said_to_be_there(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE draft SET shadow = true, findings = 'Secret.' WHERE study_id = 3")
    assert drafted("show", "A103") == 3 and "made in shadow" in drafted.out and "Secret" not in drafted.out
    found = drafted.json("show", "A103", code=3)
    assert found["draft"] is None and found["in_shadow"] and found["no_draft"]["code"] == "draft.shadow"


def test_of_a_study_that_is_abstained_from_only_the_reason_is_shown(drafted: Tool) -> None:
    with drafted.connection() as connection:
        change = (
            "UPDATE draft SET abstained = 'abstain.quality', findings = 'Secret.', impression = '' WHERE study_id = 3"
        )
        connection.exec_driver_sql(change)
    assert drafted("show", "A103") == 3 and "Not drafted: the films are too poor" in drafted.out
    assert "Secret" not in drafted.out and "Findings" not in drafted.out
    found = drafted.json("show", "A103", code=3)
    assert found["draft"]["abstained"] == found["no_draft"]["code"] == "abstain.quality"
    assert found["draft"]["finding_rows"] == [] and "Secret" not in str(found)
    listed = next(one for one in drafted.json("drafts")["drafts"] if one["study_id"] == 3)
    assert listed["abstained"] == "abstain.quality" and drafted("drafts") == 0 and "not drafted" in drafted.out
    assert drafted("status") == 0 and "not drafted, abstain.quality" in drafted.out


def test_where_a_draft_was_sent_is_shown(drafted: Tool) -> None:
    assert drafted.json("show", "A103")["draft"]["deliveries"] == []
    row = (3, "dicom://PACS@10.0.0.1:104", "sr", "2026-01-02 03:04:05", "0xC001 out of memory", 2, False)
    insert = (
        "INSERT INTO delivery (draft_id, target, object, sent_at, answer, attempts, delivered)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    with drafted.connection() as connection:
        connection.exec_driver_sql(insert, row)
    drafted("show", "A103")
    assert "Sent        sr to dicom://PACS@10.0.0.1:104, 2026-01-02 03:04 UTC, not delivered: 0xC001 out" in drafted.out
    (sent,) = drafted.json("show", "A103")["draft"]["deliveries"]
    assert sent["attempts"] == 2 and sent["delivered"] is False


def test_findings_are_told_in_words(drafted: Tool) -> None:
    values = {"edema": ("positive", 0.81), "fracture": ("uncertain", 0.2), "pneumothorax": ("negative", 0.012)}
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE finding SET state = 'blank', change = NULL, prior_state = NULL")
        for finding, (state, probability) in values.items():
            change = "UPDATE finding SET state = ?, probability = ? WHERE finding = ?"
            connection.exec_driver_sql(change, (state, probability, finding))
    drafted("show", "A101")
    plain = " ".join(drafted.out.replace("│", " ").split())
    assert "edema present (81 %)" in plain and "No sign of it: pneumothorax (1 %)" in plain
    assert "Cannot be decided: fracture (20 %)" in plain and OF_THE_PRIOR not in plain


def test_of_a_prior_it_is_said_where_state_and_number_come_from(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE finding SET prior_state = 'positive', prior_probability = 0.04")
    drafted("show", "A103")
    plain = " ".join(drafted.out.split())
    assert "present (4 %)" in plain and OF_THE_PRIOR in plain


def test_texts_cannot_play_with_the_terminal(drafted: Tool) -> None:
    evil = "Clear\x1b[2J\x1b]0;owned\x07 [bold red]lungs[/bold red] \u202edne\r\nDone."
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE draft SET findings = ?, impression = ?", (evil, evil))
        connection.exec_driver_sql("UPDATE report SET findings = ?", (evil,))
        connection.exec_driver_sql("UPDATE study SET accession = accession || ?", (evil,))
        connection.exec_driver_sql("UPDATE draft SET flags = ?", (json.dumps([evil]),))
    assert drafted("show", "1.2.9.101") == 0
    assert set(drafted.out) & set("\x1b\x07\r\u202e") == set()
    assert "[bold red]lungs[/bold red]" in drafted.out
    assert drafted.json("show", "1.2.9.101")["draft"]["findings"] == evil


def test_a_reviewed_draft_is_shown_where_there_is_no_preliminary_one(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE draft SET status = 'reviewed'")
    assert drafted.json("show", "A103")["draft"]["status"] == "reviewed"
