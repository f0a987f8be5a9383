"""docs/settings.md names every setting, and nothing else."""

import pytest
from builders.data import ROOT
from builders.settings_reference import reference

from cxrreport.settings import Settings, load_settings

PAGE = ROOT / "docs" / "settings.md"


def test_the_page_equals_the_code():
    assert PAGE.read_text(encoding="utf-8") == reference(), "python tests/settings_reference.py > docs/settings.md"


def test_the_variables_of_the_page_are_heeded(monkeypatch):
    cells = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in PAGE.read_text().splitlines()[10:]]
    variables = {name: variable for name, variable, *_ in cells if name in Settings.model_fields}
    assert set(variables) == set(Settings.model_fields)
    monkeypatch.setenv(variables["beams"], "7")
    monkeypatch.setenv(variables["log_level"], "error")
    assert (load_settings().beams, load_settings().log_level) == (7, "error")


@pytest.mark.parametrize("name", ["cli.md", "settings.md", "database.md"])
def test_every_page_is_linked_from_the_readme(name):
    assert f"(docs/{name})" in (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
