"""`forget`: a patient leaves database, index and files of the home."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.tool import Tool

from cxrreport.retrieval.versions import list_versions


def traces(home: Path, word: bytes) -> list[str]:
    return [path.name for path in home.rglob("*") if path.is_file() and word in path.read_bytes()]


def test_a_patient_is_erased_everywhere_and_the_others_stay(drafted: Tool) -> None:
    ours = drafted.rows("SELECT count(*) FROM report WHERE accession IN ('A101', 'A102')")[0]
    studies = drafted.rows("SELECT count(*) FROM study WHERE accession NOT LIKE 'A10_'")
    assert ours == 2 and traces(drafted.home, b"A101") == ["cxrreport.db"]
    counted = drafted.json("forget", "P1", "--dry-run")
    assert counted["rows"]["report"] == ours and counted["rows"]["reference"] and not counted["erased"]
    assert any(path.endswith("A101_PA.dcm") for path in counted["files"])
    assert counted["report_files"] == drafted.rows(
        "SELECT DISTINCT source FROM report WHERE accession IN ('A101', 'A102')"
    )
    assert drafted("forget", "P1", "--dry-run") == 0 and "; in 1 version of the index.\n" in drafted.out
    assert f"again:\n  {counted['report_files'][0]}\n" in drafted.out
    found = drafted.json("forget", "P1", "--yes")
    assert found == counted | {"erased": True} and traces(drafted.home, b"A101") == []
    assert drafted.rows("SELECT count(*) FROM study") == studies
    assert [one.count for one in list_versions(drafted.home / "index")] == [11 - ours]
    assert drafted.json("index", "--verify")["stale"] == 0
    assert drafted.rows("SELECT subject FROM audit WHERE action = 'forget'") == ["a patient"]
    assert drafted("forget", "P1", "--yes") == 2 and "patient.unknown" in drafted.err


def test_what_has_left_the_archive_is_told(drafted: Tool, tmp_path: Path) -> None:
    from cxrreport.store.deliveries import plan_delivery, record_attempt
    from cxrreport.store.engine import open_database, session

    drafted.json("export", "--format", "hl7", tmp_path)
    (draft,) = drafted.rows("SELECT id FROM draft WHERE study_id = (SELECT id FROM study WHERE accession = 'A101')")
    engine = open_database(None, drafted.home, 10)
    with session(engine) as s:
        for target in ("mllp://ris:2575", "mllp://never:2575"):
            plan_delivery(s, draft, target, ["C1"])
        record_attempt(s, draft, "mllp://ris:2575", "C1", "AA", True)
    engine.dispose()
    found = drafted.json("forget", "P1", "--yes")
    assert found["sent_to"] == ["mllp://ris:2575"] and len(found["exported_studies"]) == 3
    written = {str(study) for study in found["exported_studies"]}
    assert written < {path.stem for path in tmp_path.rglob("*.hl7")}
    drafted.json("export", "--format", "hl7", tmp_path)
    assert not written & {path.stem for path in tmp_path.rglob("*.hl7")}


def test_nobody_is_erased_while_a_call_sends(drafted: Tool) -> None:
    """Else the rest of the patient's objects went out afterwards, and nobody was told where to."""
    from cxrreport.store.engine import open_database
    from cxrreport.store.hold import hold_sending

    engine = open_database(None, drafted.home, 10)
    with hold_sending(engine):
        assert drafted("forget", "P1", "--dry-run") == 0
        assert drafted("forget", "P1", "--yes") == 75 and "Another call sends" in drafted.err
    engine.dispose()
    assert drafted("forget", "P1", "--yes") == 0


def test_nothing_is_erased_where_nobody_can_be_asked(drafted: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert drafted("forget", "P1") == 2 and "--yes" in drafted.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_, abort: (_ for _ in ()).throw(KeyboardInterrupt))
    assert drafted("forget", "P1") == 130 and "Held:" in drafted.out and "Erased" not in drafted.out
    assert drafted.drafts()["A101"] == 1
