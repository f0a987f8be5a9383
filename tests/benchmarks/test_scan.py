from benchmarks import scan


def test_it_prints_each_way_beside_its_peer(capsys, monkeypatch):
    monkeypatch.setattr(scan, "_scan", lambda home, export: float(len(list(export.rglob("*.dcm")))))
    scan.main(["--files", "8"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "pydicom and 20 elements", "header", "scan of new files", "scan of unchanged files",
    ]  # fmt: skip
    assert "1.0 x" in lines[0] and "1000.000 ms" in lines[2]  # a second a file


def test_the_files_are_filed_at_once(tmp_path):
    from cxrreport.dicom.prefix import read_prefix
    from cxrreport.imaging.header import _TAGS

    assert all(read_prefix(str(path), _TAGS) for path in scan.write_export(tmp_path, 4))
