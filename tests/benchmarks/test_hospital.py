"""The year of nights on collections of real films, made small."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import hospital
from cxrreport.findings import FINDINGS, State
from cxrreport.phantoms.phantom import draw_frontal
from cxrreport.reports.labels import label_all


def draw(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = draw_frontal(number, (), side=256).pixels
    Image.fromarray((pixels * 255).astype(np.uint8)).save(path)


def write_iu(directory: Path) -> Path:
    """Six studies of `val` and `test`, and two that are not to be read."""
    directory.mkdir()
    with (directory / "studies.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["uid", "split", "images", "findings", "impression"])
        for uid in range(1, 7):
            rows.writerow([uid, ("val", "test")[uid % 2], f"f{uid}:Frontal", "Right pleural effusion.", "Effusion."])
            draw(directory / "images" / f"f{uid}.jpg", uid)
        rows.writerow([7, "train", "f1:Frontal", "Clear.", "Clear."])
        rows.writerow([8, "val", "l8:Lateral", "Clear.", "Clear."])
    return directory


@pytest.mark.parametrize("name", [name for name in FINDINGS[:-1]])
def test_a_label_is_read_in_the_report_that_is_made_of_it(name: str) -> None:
    found = label_all(hospital.terse([one == name for one in FINDINGS]))
    assert found[name] is State.POSITIVE


def test_no_label_is_a_normal_report() -> None:
    found = label_all(hospital.terse([False] * len(FINDINGS)))
    assert State.POSITIVE not in {state for name, state in found.items() if name != FINDINGS[-1]}


def test_follow_ups_of_a_patient_come_in_their_order_and_reports_days_later(tmp_path: Path) -> None:
    studies = hospital.dated([hospital.Filed(f"{n}", "p", tmp_path, "") for n in range(40)])
    assert [one.key for one in sorted(studies, key=lambda one: one.at)] == [one.key for one in studies]
    nights = hospital.make_nights(studies)
    assert sum(len(night.films) for night in nights) == sum(len(night.reports) for night in nights) == 40
    assert nights[-1].now - nights[0].now == timedelta(days=360) and not nights[-1].films


def test_iu_has_a_year(tmp_path: Path, environment: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert hospital.main(["iu", str(write_iu(tmp_path / "iu")), "--limit", "5"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "5 studies of 5 patients"
    judged = [int(line.split()[0]) for line in lines if " judged, " in line]
    assert len(judged) == 4 and sum(judged) == 5
