import json

import pytest
from builders.chexbert import tiny_checkpoint, write_chexbert

from cxrreport.errors import ConfigurationError, WeightsError
from cxrreport.model.chexbert import CheXbert
from cxrreport.pipeline.labeller import labeller
from cxrreport.reports.labels import label
from cxrreport.settings import Settings

TEXTS = ["No large effusions.", "Large effusion."]


@pytest.fixture()
def chexbert(tmp_path):
    return write_chexbert(tmp_path / "chexbert", tiny_checkpoint())


def test_rules_label_unless_told_otherwise(tmp_path):
    assert labeller(Settings(home=tmp_path))(TEXTS) == [label(text) for text in TEXTS]


def test_chexbert_labels_where_a_site_has_it(tmp_path, chexbert):
    settings = Settings(home=tmp_path, labels_source="chexbert", chexbert=chexbert, device="cpu")
    assert labeller(settings)(TEXTS) == CheXbert(chexbert).label(TEXTS) != [label(text) for text in TEXTS]


def test_chexbert_needs_its_directory(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        labeller(Settings(home=tmp_path, labels_source="chexbert"))
    assert caught.value.code == "configuration.labels"
    with pytest.raises(WeightsError):
        labeller(Settings(home=tmp_path, labels_source="chexbert", chexbert=tmp_path / "none", device="cpu"))


def test_imported_reports_carry_the_labels_of_chexbert(tool, tmp_path, chexbert, monkeypatch):
    (tmp_path / "A1.txt").write_text("FINDINGS: Large effusion.\nIMPRESSION: No clear.\n")
    monkeypatch.setenv("CXRREPORT_LABELS_SOURCE", "chexbert")
    monkeypatch.setenv("CXRREPORT_CHEXBERT", str(chexbert))
    tool.json("index", tmp_path / "A1.txt")
    (stored,) = tool.rows("SELECT labels FROM report")
    assert json.loads(stored) == CheXbert(chexbert).label(["Large effusion. No clear."])[0]
