import os
import time
from pathlib import Path

import pytest

from cxrreport.errors import UsageError
from cxrreport.imaging.walk import walk


def run(*roots, **options):
    skipped = []
    entries = list(walk(roots, lambda kind, path: skipped.append((kind, path)), **options))
    return [Path(entry.path).name for entry in entries], skipped, entries


def test_yields_files_in_name_order_with_size_and_time(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("c.dcm", "a", "b/2.IMA", "b/1"):
        (tmp_path / name).write_bytes(b"12345")
    names, skipped, entries = run(tmp_path)
    assert names == ["a", "1", "2.IMA", "c.dcm"] and skipped == []
    assert entries[0].size == 5 and entries[0].mtime_ns == (tmp_path / "a").stat().st_mtime_ns
    assert os.path.isabs(entries[0].path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("export.zip", "archive"),
        ("a.tar.GZ", "archive"),
        ("report.pdf", "document"),
        ("list.csv", "document"),
        ("photo.JPG", "image"),
        (".DS_Store", "hidden"),
        ("Thumbs.db", "hidden"),
        ("DICOMDIR", "dicomdir"),
        ("a.dcm", "empty"),
    ],
)
def test_reports_what_is_clearly_not_dicom_by_kind(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"" if kind == "empty" else b"x")
    names, skipped, _ = run(tmp_path)
    assert names == [] and skipped == [(kind, str(tmp_path / name))]


@pytest.mark.parametrize("name", ["x.txt", "x.LOG", "x.pdf", "x.jpg", "x.zip"])
def test_a_dicom_file_of_any_name_is_yielded(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0" * 128 + b"DICM" + b"x")
    (tmp_path / f"other {name}").write_bytes(b"\0" * 127 + b"DICM" + b"x")
    assert run(tmp_path)[0] == [name]


def test_a_root_that_is_itself_a_link_is_entered(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert run(tmp_path / "link")[0] == ["a"]


def test_reports_an_unreadable_directory_and_goes_on(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").write_bytes(b"x")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "no")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    names, skipped, _ = run(tmp_path)
    assert names == ["open"] and skipped == [("path.unreadable", str(tmp_path / "closed"))]


def test_a_name_that_is_not_utf8_is_reported_with_its_bytes_escaped(tmp_path):
    (tmp_path / os.fsdecode(b"\xff\xfe.dcm")).write_bytes(b"x")
    (tmp_path / "new\nline").write_bytes(b"x")
    names, skipped, _ = run(tmp_path)
    assert names == ["new\nline"] and skipped == [("path.name", str(tmp_path / r"\xff\xfe.dcm"))]


def test_a_young_file_is_waited_for_and_left_where_it_has_changed(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x")
    for name, age_s in (("a", 4), ("b", -7200), ("c", 3600)):  # b is of a wrong clock
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    waits = []
    names, skipped, _ = run(tmp_path, settle_s=60, pause=waits.append)
    assert (names, skipped) == (["a", "b", "c"], []) and waits == [pytest.approx(56, abs=2)]
    growing = run(tmp_path, settle_s=60, pause=lambda _: (tmp_path / "a").write_bytes(b"xx"))
    assert growing[:2] == (["b", "c"], [("growing", str(tmp_path / "a"))])
    assert run(tmp_path, pause=waits.append)[0] == ["a", "b", "c"] and len(waits) == 1


def test_a_time_beyond_what_a_database_counts_is_its_last(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    os.utime(tmp_path / "a", (2**34 - 1, 2**34 - 1))
    assert run(tmp_path)[2][0].mtime_ns <= 2**63 - 1


def test_a_root_may_be_a_file_and_must_exist(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    assert run(tmp_path / "a")[0] == ["a"]
    with pytest.raises(UsageError) as caught:
        run(tmp_path / "a", tmp_path / "nowhere")
    assert caught.value.code == "usage.path" and "nowhere" in caught.value.message


def test_depth_does_not_matter(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "a").write_bytes(b"x")
    assert run(tmp_path)[0] == ["a"]
