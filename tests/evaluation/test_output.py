import pytest

from cxrreport.errors import UsageError
from cxrreport.evaluation.output import check_places, place_document


def test_one_file_for_numbers_and_texts_is_refused_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    file = tmp_path / "z"
    for other in (file, tmp_path / "link" / "z", tmp_path / "no" / ".." / "z", file.relative_to(tmp_path)):
        with pytest.raises(UsageError, match="the same file"):
            check_places(file, other)
    place = place_document(tmp_path, "iu-xray", "test", "C")
    with pytest.raises(UsageError, match="the same file"):
        check_places(place, tmp_path / "evaluation-iu-xray-test-C.json")
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
