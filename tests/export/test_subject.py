"""Pictures are made in child processes: a film that kills its child or hangs costs its own study the pictures."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from builders.tool import Tool
from builders.views import STUDY, study_view, write_films

from cxrreport.errors import InputError
from cxrreport.export.films import Pictures, load_pictures
from cxrreport.export.subject import Subject, draw_ahead
from cxrreport.settings import Settings


def numbered(number: int, folder: Path) -> Subject:
    return Subject(study_view(films=write_films(folder), study=replace(STUDY, study_id=number)), 10**7)


def draw_or_die(subject: Subject) -> Pictures:
    if subject.view.stem == "2":
        os._exit(1)
    if subject.view.stem == "3":
        time.sleep(60)
    return load_pictures(subject.view, subject.max_pixels)


@pytest.mark.timeout(60)
def test_a_film_that_takes_its_child_along_costs_its_own_pictures_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, workers=1, decode_timeout_s=8)
    asked = [numbered(number, tmp_path) for number in range(1, 6)]
    found = list(draw_ahead(settings, asked, lambda one: one.view.stem != "5", draw_or_die))
    assert [one.view.stem for one in found] == ["1", "2", "3", "4", "5"]
    told = [one.drawn.code if isinstance(one.drawn, InputError) else type(one.drawn).__name__ for one in found]
    assert told == ["Pictures", "pixels.crash", "pixels.timeout", "Pictures", "NoneType"]
    assert [one.drawn_version == one.version for one in found] == [True, False, False, True, True]


def test_an_export_goes_on_without_a_film_and_draws_it_once_it_is_back(drafted: Tool, tmp_path: Path) -> None:
    move = "UPDATE image SET path = {} WHERE study_id = (SELECT id FROM study WHERE accession = 'A301')"

    def export(code: int = 0) -> tuple[int, dict[str, int]]:
        told = drafted.json("export", "--format", "html", "--study", "A301", tmp_path / "out", code=code)
        return told["files"] - 1, told["without_pictures"]  # beside the worklist, which every export writes

    with drafted.connection() as connection:
        connection.exec_driver_sql(move.format("path || '.away'"))
    assert [export(3), export(3)] == [(1, {"film.away": 1}), (0, {"film.away": 1})]
    with drafted.connection() as connection:
        connection.exec_driver_sql(move.format("replace(path, '.away', '')"))
    assert [export(), export()] == [(1, {}), (0, {})]
