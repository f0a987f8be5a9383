"""Images of due studies: each is read once for studies that follow each other."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from builders.tool import Tool
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.imaging import load
from cxrreport.imaging.upright import Upright
from cxrreport.pipeline import prepare
from cxrreport.pipeline.due import by_patient
from cxrreport.records import Due, Image, Pair, Study, View


def study(number: int, patient: int = 1, day: int = 1) -> Study:
    images = tuple(Image(10 * number + i, "", "", 0, view, 1.0, 8, 8) for i, view in enumerate((View.PA, View.LATERAL)))
    return Study(number, str(number), patient, datetime(2024, 1, day), True, None, "", "", images)


def due(number: int, prior: int | None) -> Due:
    own, before = study(number), None if prior is None else study(prior)
    return Due(Pair(own, *own.images, before, *(before.images if before else (None, None)), ""), "")


@given(priors=st.lists(st.integers(0, 40), max_size=60))
def test_what_a_study_needs_has_been_read_when_its_frontal_image_has(priors):
    found = {}
    chain = [due(number, prior if prior < number else None) for number, prior in enumerate(priors)]
    for item, image in prepare._unread(iter(chain)):
        prepare._keep(found, image.id, image, prepare._KEPT + prepare._MOST)
        if image is item.pair.frontal:
            assert all(one.id in found for one in item.pair.images if one)
    assert len(found) <= prepare._KEPT + prepare._MOST


def test_a_chain_of_studies_reads_each_image_once():
    asked = Counter(image.id for _, image in prepare._unread(due(n, n - 1 if n else None) for n in range(40)))
    assert set(asked.values()) == {1} and len(asked) == 80


def test_a_run_reads_each_film_once(tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()

    def count(max_pixels: int, upright: Upright | None, image: Image) -> load.LoadedImage:
        read[image.path] += 1
        return load.load_filed(max_pixels, upright, image)

    monkeypatch.setattr(prepare, "load_filed", count)
    assert tool.json("generate", shared_export, "--without-retrieval", "--workers", "0")["paired"] == 3
    assert read and set(read.values()) == {1}


def test_studies_of_a_patient_come_together_the_oldest_first():
    rows = [(7, 1, 3), (1, 2, 5), (2, 1, 1), (3, 2, 4), (4, 1, 2)]  # number, patient, day
    items = [Due(Pair(s := study(*row), s.images[0], None, None, None, None, ""), "") for row in rows]
    assert [row.id for row in by_patient(items)] == [2, 4, 7, 3, 1]
