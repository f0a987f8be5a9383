"""The file of the worklist: the rows as they are, nothing from outside, the same again, and whole or not at all."""

from __future__ import annotations

import json
import re
from dataclasses import astuple
from pathlib import Path

import pytest
from builders.worklist import make_row, read_data, write_worklist
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrreport import DISCLAIMER
from cxrreport.codes import CODES, Flag
from cxrreport.export.folder import Folder
from cxrreport.export.html.worklist import open_worklist

HOSTILE = "</script><script>document.title='taken'</script><!-- <img src=x onerror=alert(1)> \u2028 \" ' \\ &lt; \x00"


def test_the_data_are_the_rows_in_their_order(tmp_path: Path) -> None:
    rows = [make_row(2), make_row(1, priority="", flags=("film_turned",)), make_row(3, no_page="film.away")]
    data = read_data(write_worklist(tmp_path, rows, {"study.no_frontal": 12}))
    assert data["rows"] == [json.loads(json.dumps(astuple(row))) for row in rows]
    assert data["columns"][:3] == ["stem", "draft", "uid"] and data["missing"] == {"study.no_frontal": 12}
    assert data["flags"]["film_turned"] == Flag.FILM_TURNED.sentence
    assert data["codes"] == {code: CODES[code].sentence for code in ("film.away", "study.no_frontal")}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(), max_size=20).map(lambda texts: [HOSTILE, *texts]))
def test_no_text_leaves_its_place(tmp_path: Path, texts: list[str]) -> None:
    page = write_worklist(tmp_path, [make_row(institution=text, text=text, reason=text) for text in texts])
    data = read_data(page)
    rows = [dict(zip(data["columns"], row)) for row in data["rows"]]
    assert [(row["institution"], row["text"], row["reason"]) for row in rows] == [(text, text, text) for text in texts]
    content = page.read_text("utf-8")
    assert content.count("</script>") == 2 and "\u2028" not in content


def test_it_is_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    content = write_worklist(tmp_path, [make_row()]).read_text("utf-8")
    assert "default-src &#39;none&#39;" in content and DISCLAIMER in content
    assert not re.search(r"""(src|href)=["'](?!data:)|https?:|@import|url\(""", content)


def test_the_same_rows_give_the_same_file(tmp_path: Path) -> None:
    one, other = (write_worklist(tmp_path / name, [make_row(1), make_row(2)], {"draft.none": 1}) for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_an_export_that_ends_badly_leaves_the_worklist_before(tmp_path: Path) -> None:
    before = write_worklist(tmp_path, [make_row()]).read_bytes()
    with pytest.raises(KeyboardInterrupt), Folder(tmp_path) as folder, open_worklist(folder) as worklist:
        worklist.add(make_row(8))
        raise KeyboardInterrupt
    assert (tmp_path / "index.html").read_bytes() == before and not list(tmp_path.glob("*.tmp"))
