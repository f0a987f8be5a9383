"""Do maps point at the right place? Change maps against the truth of drawn pairs, evidence against drawn boxes."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.pair_sets import PairSet
from cxrreport.datasets.disk import read_pixels, read_table
from cxrreport.datasets.nih import nih_findings, split_of
from cxrreport.drafting.regions import find_regions, heat_map
from cxrreport.evaluation.temporal import CLASSES, Box, hits, overlap
from cxrreport.findings import FINDINGS
from cxrreport.imaging.preprocess import preprocess
from cxrreport.model.drafter import Drafter
from cxrreport.model.evidence import evidence_maps
from cxrreport.model.progression import FOLLOWED, TemporalNetwork
from cxrreport.records import SIDE
from cxrreport.training.pair_stage import read_all, said_classes

_NO_CHANGE = (CLASSES.index("unchanged"), CLASSES.index("absent"))
_BOXES = {"Infiltrate": "Infiltration"}  # the list of boxes has a word of its own


def point(network: TemporalNetwork, one: PairSet) -> dict[str, dict[str, float]]:
    """Of every finding that changed in truth, and of all: share of hits of the map's highest point, share of which a change
    is said, and the mean overlap of the regions that are stored then (0 where none is).
    """
    read = read_all(network, one.registered)
    maps, places = read.maps.sigmoid().numpy(), read.places(network.map_limits.cpu()).numpy()
    change = said_classes(read.calibrated(network.strictness.cpu(), network.steadiness.cpu()))[1]
    found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for row, pair in enumerate(one.pairs):
        for finding in sorted({box[0] for box in pair.boxes}):
            true = [box[1:] for box in pair.boxes if box[0] == finding]
            said = change[row, finding] not in _NO_CHANGE
            boxes = (
                [_fractions(r) for r in find_regions(heat_map(places[row, finding]), SIDE, SIDE, "change")]
                if said
                else []
            )
            figures = float(hits(heat_map(maps[row, finding]), true)), float(said), overlap(boxes, true)
            for name in (FINDINGS[finding], "all"):
                found[name].append(figures)
    return _means(found, ("pointing", "said", "iou"))


def _means(found: dict[str, list[tuple[float, float, float]]], names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Number and means by finding, in their order, "all" last."""
    order = [name for name in (*FOLLOWED, "all") if name in found]
    return {n: {"n": len(found[n]), **dict(zip(names, np.mean(found[n], axis=0).tolist(), strict=True))} for n in order}


def _fractions(region: object) -> Box:
    x, y, w, h = (getattr(region, name) / SIDE for name in "xywh")
    return x, y, w, h


def point_at_evidence(drafter: Drafter, directory: Path, split: str) -> dict[str, dict[str, float]]:
    """Where findings are seen on the boxed images of a split of NIH's patients: share of hits, overlap, and the boxes' mean
    area, which is what pointing anywhere would hit; of each finding, of all boxed findings and as the mean of the findings.
    """
    found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    rows = [r for r in read_table(directory / "labels.csv", {"id", "patient", "boxes"}, "The directory of films", "films")
            if r["boxes"] and split_of(r["patient"]) == split]  # fmt: skip
    for row in rows:
        frontal = preprocess(read_pixels(directory / "images" / f"{row['id']}.jpg"))
        boxed = dict(_boxes(row["boxes"]))
        maps = evidence_maps(drafter.network, frontal, list(boxed))
        for finding, true in boxed.items():
            heat = heat_map(maps[finding])
            boxes = [_fractions(r) for r in find_regions(heat, SIDE, SIDE, "evidence")]
            area = overlap(true, [(0.0, 0.0, 1.0, 1.0)])
            for name in (FINDINGS[finding], "all"):
                found[name].append((hits(heat, true), overlap(boxes, true), area))
    means = _means(found, ("pointing", "iou", "chance"))
    each = [row for name, row in means.items() if name != "all"]
    of_findings = {name: float(np.mean([row[name] for row in each])) for name in ("pointing", "iou", "chance") if each}
    return {**means, "mean of the findings": {"n": len(each), **of_findings}}


def _boxes(text: str) -> Iterator[tuple[int, list[Box]]]:
    """ "label:x:y:w:h|..." by finding."""
    by_finding: dict[int, list[Box]] = defaultdict(list)
    for one in text.replace(";", "|").split("|"):
        label, *numbers = one.split(":")
        positive = nih_findings({_BOXES.get(label, label)})[0]
        x, y, w, h = (float(number) for number in numbers)
        by_finding[int(positive.argmax())].append((x, y, w, h))
    yield from by_finding.items()
