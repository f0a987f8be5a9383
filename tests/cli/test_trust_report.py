"""`cxrreport trust report` on the small archive: printed, as a document, as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from builders.tool import Tool
from cxrreport.cli.trust_report import BY
from sqlalchemy import text

from cxrreport.trust.report import GROUPS

HOSTILE = "</style><script>alert(1)</script>\x1b[31m[bold]"


@pytest.fixture
def judged(drafted: Tool) -> Tool:
    """The archive with its drafts judged, one of them rejected, made by a device and seen by a reader of hostile names."""
    with drafted.connection() as connection:
        connection.execute(text("UPDATE image SET station = :value"), {"value": HOSTILE})
    assert drafted("review", "A201", "--status", "rejected", "--by", HOSTILE, "--comment", HOSTILE) == 0
    drafted.json("trust")
    return drafted


def test_every_group_can_be_asked_for() -> None:
    assert set(BY) == set(GROUPS)


def test_the_report_as_a_document(judged: Tool) -> None:
    found = judged.json("trust", "report", "--by", "month")
    assert found["studies"] == 3 and [row["studies"] for row in found["groups"]] == [3]
    assert found["rejected"][0]["why"] == HOSTILE and found["reviews"] == {"rejected": 1}
    assert judged.json("trust", "report", "--until", "1990-01-01")["studies"] == 0
    assert judged("trust", "report", "--since", "2024-01-02", "--until", "2024-01-01") == 2


@pytest.mark.parametrize("by", ["device", "reader"])
def test_nobody_and_no_device_is_named_among_few(judged: Tool, by: str) -> None:
    found = judged.json("trust", "report", "--by", by)
    assert [row["group"] for row in found["groups"]] == ["all"]


def test_what_is_printed_controls_no_terminal(judged: Tool) -> None:
    assert judged("trust", "report") == 0 and "3 studies were judged" in judged.out
    assert "\x1b" not in judged.out and r"\x1b[31m[bold]" in judged.out


def test_a_page_with_links_to_the_pages_of_studies(judged: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert (
        judged("trust", "report", "--html", out) == 0 and judged.out == "3 studies were judged: trust.html tells how.\n"
    )
    found = judged.json("trust", "report")
    page = (out / "trust.html").read_text()
    links = re.findall(r'href="([^"]+)"', page)
    assert found["worst"] and links == [f"worst/{row['study']}.html" for row in found["worst"]]
    assert all((out / link).exists() for link in links)
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    before = {file: file.read_bytes() for file in out.rglob("*.html")}
    judged.json("trust", "report", "--html", out)
    assert before == {file: file.read_bytes() for file in out.rglob("*.html")}


def test_a_page_and_an_export_share_a_directory(judged: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    judged.json("trust", "report", "--html", out)
    judged.json("export", out, "--format", "html")
    assert (out / "trust.html").exists() and (out / "index.html").exists()


def test_a_directory_of_others_is_left_alone(judged: Tool, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert judged("trust", "report", "--html", tmp_path) == 2
    assert json.dumps(sorted(file.name for file in tmp_path.iterdir())) == '["mine.txt"]'


def test_an_archive_without_judged_drafts_has_a_page(drafted: Tool, tmp_path: Path) -> None:
    assert drafted.json("trust", "report", "--html", tmp_path / "out")["groups"] == []
    assert "No draft of these weights was judged" in (tmp_path / "out" / "trust.html").read_text()
