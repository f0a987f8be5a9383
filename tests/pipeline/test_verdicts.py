"""Files of verdicts: a worklist's JSON and tables; one bad entry stops no other."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafts import Review, ReviewStatus
from cxrreport.errors import InputError, UsageError
from cxrreport.pipeline.verdicts import Told, read_verdicts

AT = "2026-01-02T03:04:05Z"
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def page(folder: Path, *verdicts: Any, **changes: Any) -> Path:
    file = folder / "verdicts.json"
    file.write_text(json.dumps({"cxrreport_verdicts": 1, "reviewer": "Dr. Ö", "verdicts": verdicts} | changes), "utf-8")
    return file


def verdict(**changes: Any) -> dict[str, Any]:
    return {"draft": 7, "study_uid": "1.2", "status": "accepted", "text": "", "comment": "", "at": AT} | changes


def entries(file: Path) -> list[Told | str]:
    return [told.code if isinstance(told, InputError) else told for _, told in read_verdicts(file, "me")]


def test_what_a_page_has_written_is_read(tmp_path: Path) -> None:
    edited = verdict(status="edited", text=" No effusion. ", comment="A fold.", at="2026-01-02T04:04:05+01:00")
    assert entries(page(tmp_path, verdict(), edited)) == [
        Told("1.2", Review(ReviewStatus.ACCEPTED, "Dr. Ö", WHEN), 7),
        Told("1.2", Review(ReviewStatus.EDITED, "Dr. Ö", WHEN, "No effusion.", "A fold."), 7),
    ]
    assert entries(page(tmp_path, verdict(reviewer="Dr. Z"), verdict(reviewer=None)))[0].review.reviewer == "Dr. Z"
    assert entries(page(tmp_path, verdict(), reviewer=None)) == [
        Told("1.2", Review(ReviewStatus.ACCEPTED, "me", WHEN), 7)
    ]


@pytest.mark.parametrize("sign", [",", ";"])
def test_a_table_names_studies_as_a_person_does(tmp_path: Path, sign: str) -> None:
    file = tmp_path / "table.csv"
    lines = ["study,status,comment,by,at", f"A1,rejected,wrong side,Dr. X,{AT}", "A2,accepted,,,"]
    file.write_text("\ufeff" + "\r\n".join(line.replace(",", sign) for line in lines), "utf-8")
    first, second = entries(file)
    assert first == Told("A1", Review(ReviewStatus.REJECTED, "Dr. X", WHEN, comment="wrong side"))
    assert isinstance(second, Told) and (second.study, second.review.reviewer, second.timed) == ("A2", "me", False)
    assert [number for number, _ in read_verdicts(file, "me")] == [2, 3]


@pytest.mark.parametrize(
    "bad",
    [
        verdict(status="signed"),
        verdict(reviewer=" "),
        verdict(status=None),
        verdict(at="yesterday"),
        verdict(at=(datetime.now(UTC) + timedelta(days=3)).isoformat()),
        verdict(text="Other."),  # who accepts has written nothing else
        verdict(draft="seven"),
        verdict(draft=[7]),
        verdict(draft=True),
        verdict(draft=2**70),
        verdict(draft=-1),
        verdict(at="0001-01-01T00:00:00+14:00"),
        verdict(comment=3),
        "accepted",
        None,
    ],
)
def test_a_bad_entry_is_told_and_the_others_go_on(tmp_path: Path, bad: Any) -> None:
    good = Told("1.2", Review(ReviewStatus.ACCEPTED, "Dr. Ö", WHEN), 7)
    assert entries(page(tmp_path, bad, verdict())) == ["review.malformed", good]


@pytest.mark.parametrize(
    "content",
    [b"", b"study,state\nA1,accepted\n", b"{", b"[1]", b"{}", b'{"cxrreport_verdicts": 2, "verdicts": []}', b"\xff\xfe",
     b'{"cxrreport_verdicts": 1, "verdicts": {}}', b'study,status,text\nA1,edited,"no end\nA2,accepted,\n',
     b"study,status,text\nA1,edited," + b"x" * 200_000],
)  # fmt: skip
def test_another_file_is_refused_whole(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    for path in (file, tmp_path / "none"):
        with pytest.raises(UsageError) as refused:
            read_verdicts(path, "me")
        assert refused.value.code == "review.file"


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.dictionaries(st.sampled_from([*verdict()]), JSON) | JSON))
def test_whatever_an_entry_holds_it_is_a_verdict_or_an_error(verdicts: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = entries(page(Path(folder), *verdicts))
    assert len(found) == len(verdicts) and all(isinstance(one, Told) or one == "review.malformed" for one in found)
