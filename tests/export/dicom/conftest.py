"""The objects of one made-up study."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.objects import Objects, write
from builders.views import study_view, write_films
from pydicom import dcmread

from cxrreport.export.study import StudyView


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> StudyView:
    return study_view(films=write_films(tmp_path_factory.mktemp("films"), StudyID="S1"))


@pytest.fixture(scope="module")
def written(view: StudyView, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(view, tmp_path_factory.mktemp("sr"))


@pytest.fixture(scope="module")
def objects(written: dict[str, Path]) -> Objects:
    return {name: dcmread(path) for name, path in written.items()}
