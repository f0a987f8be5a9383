"""What registration changes of a draft: the prior comes on the current grid, goes unregistered, or is none at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.dicom import write_dicom
from builders.tool import Tool

from cxrreport.drafting.compose import Composer
from cxrreport.errors import PixelError
from cxrreport.imaging import register as module
from cxrreport.imaging.register import Registration
from cxrreport.model.drafter import Drafter
from cxrreport.phantoms.phantom import draw_frontal, draw_lateral
from cxrreport.records import Prepared, View, ViewGuess

PLAIN = "--without-retrieval"
BEFORE, NOW = "20240101", "20240201"


def phantom(exposure: int = 0, draw: Callable[..., Any] = draw_frontal) -> np.ndarray:
    return np.round(4095 * np.clip(draw(1, (), exposure_seed=exposure, side=192).pixels, 0, 1)).astype(np.uint16)


def write_pair(folder: Path, prior: np.ndarray, current: np.ndarray) -> Path:
    for date, film in ((BEFORE, prior), (NOW, current)):
        uid = f"1.2.9.{date}"
        write_dicom(
            folder / f"{date}.dcm",
            film,
            StudyInstanceUID=uid,
            SOPInstanceUID=f"{uid}.1",
            StudyDate=date,
            AccessionNumber=date,
        )
    return folder


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A patient with two films of the same view."""
    (tmp_path / "export").mkdir()
    return write_pair(tmp_path / "export", phantom(), phantom(exposure=1))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Prepared]:
    """Every study that comes to be drafted."""
    prepared: list[Prepared] = []
    compose = Composer.compose

    def listen(composer: Composer, batch: Any, *told: Any) -> Any:
        prepared.extend(batch)
        return compose(composer, batch, *told)

    monkeypatch.setattr(Composer, "compose", listen)
    return prepared


def draft(tool: Tool) -> tuple[bool, str, list[str]]:
    """Whether the second study's draft has a prior, why not, and its flags."""
    ((prior, reason, flags),) = tool.rows(
        "SELECT prior_study_id, prior_reason, flags FROM draft JOIN study ON study.id = study_id"
        " WHERE accession = :accession AND status = 'preliminary'",
        accession=NOW,
    )
    return prior is not None, reason, json.loads(flags)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_the_prior_comes_registered_beside_the_film_as_it_is(
    tool: Tool, export: Path, seen: list[Prepared], workers: str
) -> None:
    tool.json("generate", export, PLAIN, "--workers", workers)
    alone, paired = sorted(seen, key=lambda item: item.prior is not None)
    assert alone.registered is None and paired.prior is not None and paired.registered is not None
    lies, moved = (
        np.abs(film.astype(float) - paired.current.frontal)[40:200, 60:200].mean()
        for film in (paired.prior.frontal, paired.registered)
    )
    assert moved < 0.7 * lies
    found, reason, flags = draft(tool)
    assert found and reason == "" and "prior_unregistered" not in flags


def see_views(monkeypatch: pytest.MonkeyPatch, view: View) -> None:
    """A classifier that has learnt nothing sees one view everywhere."""
    monkeypatch.setattr(Drafter, "guess_views", lambda _, pixels: [ViewGuess(view, "pixels", 0.9) for _ in pixels])


def test_a_prior_that_is_little_alike_but_frontal_stays_one_unregistered(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_views(monkeypatch, View.FRONTAL)
    export = write_pair(tmp_path, phantom(draw=draw_lateral), phantom(exposure=1))
    assert tool.json("generate", export, PLAIN)["paired"] == 1
    assert any("prior_unregistered" in flags for flags in tool.rows("SELECT flags FROM draft"))


@pytest.mark.parametrize(
    ("prior", "reasons"),
    [
        (np.ascontiguousarray(np.rot90(phantom())), {"prior.rotated"}),
        (4095 - phantom(), {"prior.inverted"}),
        (phantom(draw=draw_lateral), {"prior.other_view", "prior.mirrored"}),
    ],
    ids=["turned", "negative", "lateral"],
)
def test_what_cannot_be_compared_is_no_prior_and_says_why(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prior: np.ndarray, reasons: set[str]
) -> None:
    see_views(monkeypatch, View.LATERAL)
    export = write_pair(tmp_path, prior, phantom(exposure=1))
    first = tool.json("generate", export, PLAIN)
    assert (first["drafted"], first["paired"]) == (2, 0)
    found, reason, flags = draft(tool)
    assert not found and reason in reasons and "prior_unregistered" not in flags
    assert tool.json("generate", export, PLAIN)["drafted"] == 0  # the reason is of this run, not of the catalogue


def refuse(current: Any, prior: Any, **_: Any) -> Registration:
    return Registration(prior, np.ones(prior.shape, bool), 0.3, "registration.poor")


def break_down(*_: Any, **__: Any) -> Registration:
    raise RuntimeError("ITK ERROR")


def take_too_long(*_: Any, **__: Any) -> Registration:
    raise PixelError("Reading the film took too long.", "pixels.timeout")


@pytest.mark.parametrize("fault", [refuse, break_down, take_too_long])
def test_a_failed_registration_costs_no_draft_and_no_prior(
    tool: Tool, export: Path, seen: list[Prepared], monkeypatch: pytest.MonkeyPatch, fault: Callable[..., Any]
) -> None:
    monkeypatch.setattr(module, "register", fault)
    made = tool.json("generate", export, PLAIN)
    assert (made["drafted"], made["paired"], made["failed"]) == (2, 1, {})
    assert all(item.registered is None for item in seen)
    found, reason, flags = draft(tool)
    assert found and reason == "" and "prior_unregistered" in flags


def test_a_stop_during_registration_stores_nothing_half(
    tool: Tool, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(current: Any, prior: Any, **_: Any) -> Registration:
        import signal

        os.kill(os.getpid(), signal.SIGTERM)
        return refuse(current, prior)

    with monkeypatch.context() as stopped:
        stopped.setattr(module, "register", stop)
        assert tool("generate", export, PLAIN) == 143
    assert tool.rows("SELECT count(*) FROM failure") == [0]
    tool.json("generate", export, PLAIN)
    found, _, flags = draft(tool)
    assert found and "prior_unregistered" not in flags
