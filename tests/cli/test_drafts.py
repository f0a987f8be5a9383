"""`drafts`: what waits for a reader, the most urgent first, on a terminal of 120 columns."""

from __future__ import annotations

import json

import pytest
from builders.tool import Tool


@pytest.fixture
def listed(drafted: Tool) -> Tool:
    """Five drafts of their own priorities, flags and changes; A103 is urgent, A102 routine, the others have none."""
    known = {"A103": ("urgent", "edema new (90 %)"), "A102": ("routine", "nothing")}
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE draft SET priority = NULL, priority_reason = NULL, flags = '[]'")
        connection.exec_driver_sql("UPDATE finding SET change = NULL")
        for accession, (priority, reason) in known.items():
            own = "WHERE study_id = (SELECT id FROM study WHERE accession = ?)"
            change = f"UPDATE draft SET priority = ?, priority_reason = ? {own}"  # noqa: S608
            connection.exec_driver_sql(change, (priority, reason, accession))
        flags = json.dumps(["film_turned", "detail_removed", "denial_removed"])
        connection.exec_driver_sql("UPDATE draft SET flags = ? WHERE priority = 'urgent'", (flags,))
        connection.exec_driver_sql(
            "UPDATE finding SET change = 'new' WHERE finding IN ('edema', 'pleural other')"
            " AND draft_id = (SELECT id FROM draft WHERE priority = 'urgent')"
        )
    return drafted


def accessions(tool: Tool, *options: str) -> list[str]:
    return [one["accession"] for one in tool.json("drafts", *options)["drafts"]]


def test_the_most_urgent_comes_first_and_what_nobody_judged_last(listed: Tool) -> None:
    found = accessions(listed)
    assert found[:2] == ["A103", "A102"] and len(found) == listed.json("drafts")["total"] > 2
    assert accessions(listed, "--priority", "routine", "--priority", "critical") == ["A102"]
    assert accessions(listed, "--limit", "1") == ["A103"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--changed",), ["A103"]),
        (("--flag", "film_turned"), ["A103"]),
        (("--flag", "film_mirrored"), []),
        (("--patient", "P1", "--since", "2024-03-01"), ["A103", "A102"]),
        (("--patient", "P1", "--until", "2024-03-05", "--since", "2024-03-05"), ["A102"]),
        (("--status", "rejected"), []),
    ],
)
def test_what_is_not_asked_for_is_left_out(listed: Tool, options: tuple[str, ...], wanted: list[str]) -> None:
    assert accessions(listed, *options) == wanted


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--patient", "P99"), "patient.unknown"),
        (("--flag", "film_turnt"), "usage"),
        (("--run", "99"), "run.unknown"),
        (("--run", str(2**70)), "run.unknown"),
    ],
)
def test_what_can_match_nothing_is_refused(listed: Tool, options: tuple[str, ...], code: str) -> None:
    assert listed.json("drafts", *options, code=2)["error"]["code"] == code


def test_a_row_names_what_counts_and_counts_the_mended_words(listed: Tool) -> None:
    listed("drafts", "--study", "A103")
    (row,) = [line for line in listed.out.splitlines() if "A103" in line]
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    told = ["urgent", "edema new (90 %)", "pleural abnormality new", "film_turned, +2", "preliminary"]
    assert cells == ["A103", "P1", "2024-06-01", *told]
