"""`show --image`: the picture of a draft, whole or not at all, of the images that the draft was made from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import numpy.typing as npt
import pytest
from builders.dicom import chest
from builders.tool import Tool, Visit, copy_tree, spotted_chest, write_visit
from PIL import Image, ImageColor

from cxrreport import DISCLAIMER
from cxrreport.export import films
from cxrreport.export import picture as picturing
from cxrreport.export.panels import Line, Panel, colour_of, shrink
from cxrreport.imaging.register import Registration

REGISTER = films.lay_over  # the other tests lay images over each other without it
Grey = npt.NDArray[np.uint8]


def lie_alike(current: Grey, prior: Grey, reason: str = "") -> Registration:
    """What `register` tells of a prior that lies as the current image does."""
    return Registration(prior, np.ones(current.shape, bool), 1.0, reason)


@pytest.fixture
def pictured(drafted: Tool, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The drafted archive without regions: the tests give it their own."""
    with drafted.connection() as connection:
        connection.exec_driver_sql("DELETE FROM region")
        connection.exec_driver_sql("UPDATE finding SET change = 'absent' WHERE change IN ('new', 'resolved')")
        connection.exec_driver_sql("UPDATE draft SET flags = '[]'")
    monkeypatch.setattr(films, "lay_over", lie_alike)
    return drafted


@pytest.fixture
def export(pictured: Tool, shared_export: Path, tmp_path: Path) -> Path:
    """An export of its own that may be changed; the archive knows it as the shared one."""
    made = copy_tree(shared_export, tmp_path / "export")
    with pictured.connection() as connection:
        change = "UPDATE image SET path = replace(path, ?, ?)"
        connection.exec_driver_sql(change, (str(shared_export), str(made)))
    return made


def add_region(tool: Tool, accession: str, *region: Any) -> None:
    """Give the draft of a study a region (finding, kind, x, y, w, h, score)."""
    study = "SELECT draft.id FROM draft JOIN study ON study.id = study_id WHERE accession = ?"
    insert = "INSERT INTO region (draft_id, finding, kind, x, y, w, h, score) VALUES (?,?,?,?,?,?,?,?)"
    change = "UPDATE finding SET change = 'new', change_probability = 0.5 WHERE draft_id = ? AND finding = ?"
    with tool.connection() as connection:
        draft = connection.exec_driver_sql(study, (accession,)).scalar_one()
        connection.exec_driver_sql(insert, (draft, *region))
        if region[1] == "change":
            connection.exec_driver_sql(change, (draft, region[0]))


def draw(tool: Tool, accession: str, place: Path) -> Grey:
    assert tool("show", accession, "--image", place) == 0, tool.err
    return np.asarray(Image.open(place).convert("RGB"))


@dataclass
class Drawn:
    """What the last picture was drawn from."""

    panels: Sequence[Panel] = ()
    lines: Sequence[str] = ()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    found, plain = Drawn(), picturing.draw_panels

    def record(panels: Sequence[Panel], lines: Sequence[Line], banner: str) -> Image.Image:
        found.panels, found.lines = panels, [line.text for line in lines]
        assert banner == DISCLAIMER
        return plain(panels, lines, banner)

    monkeypatch.setattr(picturing, "draw_panels", record)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a picture may be; nothing else is there."""
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures" / "out.png"


def fails(tool: Tool, place: Path, code: int, error: str) -> str:
    """Ask for a picture that must be refused; no file is left and the sentence holds no path."""
    before = sorted(place.parent.iterdir()) if place.parent.is_dir() else []
    assert tool("show", "A103", "--image", place) == code and f"[{error}]" in tool.err
    assert "/" not in tool.err and "P1" not in tool.err and tool.out == ""
    assert before == (sorted(place.parent.iterdir()) if place.parent.is_dir() else [])
    return tool.err


# -- what is drawn ----------------------------------------------------------------------------------------------------


def test_with_a_prior_there_are_three_panels(pictured: Tool, tmp_path: Path) -> None:
    three, one = draw(pictured, "A103", tmp_path / "three.png"), draw(pictured, "A101", tmp_path / "one.png")
    width = spotted_chest(1).shape[1]
    assert three.shape[1] >= 3 * width and three.shape[1] > one.shape[1]
    assert "Picture written to" in pictured.err and "FINDINGS" in pictured.out


def test_boxes_of_what_changed_lie_in_the_third_panel(pictured: Tool, drawn: Drawn, tmp_path: Path) -> None:
    add_region(pictured, "A103", "edema", "change", 20, 30, 40, 50, 0.7)
    add_region(pictured, "A103", "edema", "change", 60, 30, 10, 10, 0.9)
    add_region(pictured, "A103", "fracture", "evidence", 5, 5, 40, 50, 0.9)
    picture = draw(pictured, "A103", tmp_path / "out.png")
    best, other = drawn.panels[2].boxes
    assert (other.x, other.y, other.w, other.h, other.name) == (20, 30, 40, 50, "")
    assert (best.x, best.name, best.colour) == (60, "edema", colour_of("edema"))
    assert drawn.panels[0].boxes == drawn.panels[1].boxes == () and "edema: new (50 %)" in drawn.lines
    assert (picture == ImageColor.getrgb(colour_of("edema"))).all(axis=2).any()


def test_a_box_is_scaled_to_the_image_that_is_shown(pictured: Tool, drawn: Drawn, tmp_path: Path) -> None:
    add_region(pictured, "A103", "edema", "change", 20, 30, 40, 50, 0.7)
    with pictured.connection() as connection:  # as if the image had been far larger
        connection.exec_driver_sql("UPDATE image SET height = 2 * height, width = 4 * width")
    draw(pictured, "A103", tmp_path / "out.png")
    (box,) = drawn.panels[2].boxes
    assert (box.x, box.y, box.w, box.h) == (5, 15, 10, 25)


def test_a_finding_that_another_implies_is_not_drawn_beside_it(pictured: Tool, drawn: Drawn, tmp_path: Path) -> None:
    with pictured.connection() as connection:
        connection.exec_driver_sql("UPDATE finding SET change = NULL")
    for finding in ("edema", "lung opacity"):
        add_region(pictured, "A103", finding, "change", 20, 30, 40, 50, 0.7)
    draw(pictured, "A103", tmp_path / "out.png")
    assert [box.name for box in drawn.panels[2].boxes] == ["edema"]
    assert not any("opacity" in line for line in drawn.lines)


def test_what_changed_without_a_place_is_told_too(pictured: Tool, drawn: Drawn, tmp_path: Path) -> None:
    with pictured.connection() as connection:
        connection.exec_driver_sql("UPDATE finding SET change = NULL")
        connection.exec_driver_sql("UPDATE finding SET change = 'improved' WHERE finding = 'pneumothorax'")
    draw(pictured, "A103", tmp_path / "out.png")
    assert any("pneumothorax: improved" in line and "no place found" in line for line in drawn.lines)


def test_a_first_image_shows_where_the_findings_are_and_why_there_is_no_comparison(
    pictured: Tool, drawn: Drawn, tmp_path: Path
) -> None:
    add_region(pictured, "A101", "edema", "evidence", 20, 30, 40, 50, 0.9)
    draw(pictured, "A101", tmp_path / "out.png")
    (panel,) = drawn.panels
    assert panel.title == "Current 2024-01-05" and [box.name for box in panel.boxes] == ["edema"]
    assert "edema: seen here" in drawn.lines and "No comparison: no earlier study." in drawn.lines


def test_a_prior_that_cannot_be_registered_is_shown_as_it_is(
    pictured: Tool, drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_region(pictured, "A103", "edema", "change", 20, 30, 40, 50, 0.9)
    monkeypatch.setattr(films, "lay_over", partial(lie_alike, reason="registration.poor"))
    draw(pictured, "A103", tmp_path / "out.png")
    assert [panel.title for panel in drawn.panels] == ["Current 2024-06-01", "Prior 2024-03-05, not registered"]
    assert [len(panel.boxes) for panel in drawn.panels] == [1, 0]
    assert any("could not be laid over" in line for line in drawn.lines)


def test_images_are_laid_over_each_other_by_the_registration() -> None:
    current = chest(seed=3).astype(np.float32)
    laid = REGISTER(shrink(current), shrink(current[:, :-8]))
    assert laid.pixels.shape == laid.inside.shape == current.shape and laid.pixels.dtype == np.uint8


# -- the file ---------------------------------------------------------------------------------------------------------


def test_the_picture_replaces_an_older_one_beside_one_document_and_tells_no_name(pictured: Tool, place: Path) -> None:
    place.write_bytes(b"old")
    assert pictured.json("show", "A103", "--image", place)["study"]["accession"] == "A103"
    assert os.listdir(place.parent) == ["out.png"] and place.stat().st_mode & 0o777 == 0o600
    assert Image.open(place).info == {}
    assert not {b"P1", b"A103", b"1.2.9"} & set(place.read_bytes().split())


@pytest.mark.parametrize("name", ["out.jpg", "out", "folder.png", "link.png", "missing/out.png", "file.png/out.png"])
def test_what_cannot_become_a_picture_is_refused(pictured: Tool, place: Path, name: str) -> None:
    folder = place.parent
    (folder / "folder.png").mkdir()
    (folder / "link.png").symlink_to(folder / "elsewhere.png")
    (folder / "file.png").write_bytes(b"")
    fails(pictured, folder / name, 2, "usage")


def test_a_picture_that_cannot_be_finished_leaves_the_old_one(
    pictured: Tool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write_bytes(b"old")
    full = OSError(28, "No space left on device", "/secret")
    monkeypatch.setattr(Image.Image, "save", Mock(side_effect=full))
    assert "No space left" in fails(pictured, place, 74, "io")
    assert place.read_bytes() == b"old"


# -- the images -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accession", ["A103", "A102"])
def test_a_image_that_is_gone_or_another_one_is_refused(
    pictured: Tool, export: Path, place: Path, accession: str
) -> None:
    path = export / "P1" / f"{accession}_PA.dcm"
    content = path.read_bytes()
    path.write_bytes(content[:-2])
    fails(pictured, place, 3, "film.changed")
    path.write_bytes(content[:-2] + b"\x11\x01")
    fails(pictured, place, 3, "film.changed")
    path.unlink()
    fails(pictured, place, 3, "film.away")


def test_a_draft_of_other_images_is_not_drawn_on_these(pictured: Tool, tmp_path: Path, place: Path) -> None:
    write_visit(tmp_path / "more", Visit("A110", "P1", "20240501"))
    assert pictured("generate", tmp_path / "more", "--without-retrieval", "--dry-run") == 0
    fails(pictured, place, 3, "draft.stale")


def test_a_study_without_a_draft_has_no_picture(tool: Tool, shared_export: Path, place: Path) -> None:
    tool.json("generate", shared_export, "--dry-run")
    fails(tool, place, 2, "draft.none")
