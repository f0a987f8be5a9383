import json

import pytest

from cxrreport.files import write_json


def test_what_cannot_be_written_whole_leaves_the_old_file(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"epoch": 1}, indent=1)
    with pytest.raises(TypeError):
        write_json(path, {"epoch": object()})
    assert json.loads(path.read_text()) == {"epoch": 1} and path.read_text().endswith("}\n")


def test_a_kill_before_the_end_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "facts.json"
    write_json(path, [1])
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_json(path, [2])
    assert json.loads(path.read_text()) == [1]
