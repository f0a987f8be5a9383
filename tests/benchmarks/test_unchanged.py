from benchmarks import unchanged


def test_it_scans_files_that_are_all_known(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CXRREPORT_SETTLE_S", "0")
    read = []

    def scanned(*command):
        from cxrreport.cli.main import call

        assert call([*command, "--json"]) == 0
        read.append(capsys.readouterr().out)
        return 2.0, 100.0

    monkeypatch.setattr(unchanged, "spent", scanned)
    unchanged.main(["--files", "500", "--folder", str(tmp_path)])
    assert '"files_unchanged": 50,' in read[0] and '"files_unchanged": 500,' in read[1]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split()[:2] == ["500", "files"] and "x find" in lines[-1]
