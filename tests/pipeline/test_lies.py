"""Films that are stored as negatives or turned are drafted from what they show, and flagged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from builders.dicom import CR, write_dicom
from builders.tool import Tool, build_weights
from PIL import Image as Picture

from cxrreport.model.drafter import Drafter
from cxrreport.phantoms.phantom import draw_frontal
from cxrreport.records import View, ViewGuess

PLAIN = "--without-retrieval"


def stored(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    low, high = values.min(), values.max()
    return np.round(4095 * (values - low) / (high - low)).astype(np.uint16)


def write(folder: Path, name: str, pixels: npt.NDArray[np.float32], patient: str, **tags: Any) -> None:
    uid = f"1.2.77.{sum(map(ord, name))}"
    common = {"StudyInstanceUID": uid, "SOPInstanceUID": f"{uid}.1", "AccessionNumber": name, "PatientID": patient}
    write_dicom(folder / f"{name}.dcm", stored(pixels), **(common | tags))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One film in four ways, tags that tell the view and one time silent ones; then as the prior of itself."""
    folder = tmp_path_factory.mktemp("lies")
    film = draw_frontal(3, (), exposure_seed=3, side=256).pixels[:, 20:236]  # rows and columns differ
    silent = {"ViewPosition": None, "SOPClassUID": CR, "Modality": "CR"}
    write(folder, "PLAIN", film, "L1")
    write(folder, "NEGATIVE", -film, "L2")
    write(folder, "MONOCHROME1", -film, "L3", PhotometricInterpretation="MONOCHROME1")
    write(folder, "TURNED", np.rot90(film), "L4")
    write(folder, "SILENT", np.rot90(-film, 2), "L5", **silent)
    write(folder, "LATER", film, "L2", StudyDate="20250101")
    return folder


@pytest.fixture
def done(tool: Tool, export: Path, tmp_path: Path) -> dict[str, Any]:
    """The draft of each study."""
    tool.json("generate", export, PLAIN, "--weights", build_weights(tmp_path / "weights", upright=True))
    return {name: tool.json("show", name)["draft"] for name in tool.drafts()}


def test_negatives_and_turned_films_say_what_the_film_says(done: dict[str, Any]) -> None:
    flags = {
        name: [flag for flag in draft["flags"] if flag.startswith(("film_", "prior_m"))] for name, draft in done.items()
    }
    assert flags == {
        "PLAIN": [], "NEGATIVE": ["film_inverted"], "MONOCHROME1": [], "TURNED": ["film_turned"],
        "SILENT": ["film_inverted", "film_turned"], "LATER": ["prior_mended"],
    }  # fmt: skip
    plain = {row["finding"]: row for row in done["PLAIN"]["finding_rows"]}
    for name in ("NEGATIVE", "MONOCHROME1", "TURNED", "SILENT"):
        for row in done[name]["finding_rows"]:
            assert row["probability"] == pytest.approx(plain[row["finding"]]["probability"], abs=0.02), name
    assert done["TURNED"]["provenance"]["decoding"]["lie"] == {"turned": 90, "inverted": False}
    assert done["LATER"]["prior_reason"] == ""


def test_regions_lie_on_the_film_as_it_is_stored(done: dict[str, Any]) -> None:
    regions = {name: [(r["finding"], r["x"], r["y"], r["w"], r["h"]) for r in done[name]["regions"]] for name in done}
    width = 216
    assert regions["PLAIN"]
    turned = {(finding, y, width - x - w, h, w) for finding, x, y, w, h in regions["PLAIN"]}
    near = [min(max(abs(a - b) for a, b in zip(one[1:], other[1:], strict=True)) for other in turned if one[0] == other[0])
            for one in regions["TURNED"]]  # fmt: skip
    assert len(near) == len(turned) and max(near) <= 3


def test_a_picture_shows_the_film_upright(tool: Tool, export: Path, done: dict[str, Any], tmp_path: Path) -> None:
    pictures = {}
    for name in ("PLAIN", "TURNED", "NEGATIVE"):
        place = tmp_path / f"{name}.png"
        assert tool("show", name, "--image", place) == 0, tool.err
        with Picture.open(place) as picture:
            pictures[name] = np.asarray(picture.convert("RGB"), np.float32)[66:300, 10:220]
    for name in ("TURNED", "NEGATIVE"):
        assert np.median(np.abs(pictures[name] - pictures["PLAIN"])) < 3


def test_what_is_no_chest_by_its_pixels_is_flagged_whatever_its_tags_say(
    tool: Tool, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = build_weights(tmp_path / "weights")
    monkeypatch.setattr(
        Drafter, "guess_views", lambda self, films: [ViewGuess(View.OTHER, "pixels", 1.0) for _ in films]
    )
    tool.json("generate", export / "PLAIN.dcm", PLAIN, "--weights", weights)
    assert "film_unusual" in tool.json("show", "PLAIN", code=3)["draft"]["flags"]
