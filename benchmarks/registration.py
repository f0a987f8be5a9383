"""How long registration takes, how close it comes, and what it refuses.

    python -m benchmarks.registration [--pairs 6] [--nih DATA/nih] [--every 4]

Pairs of phantoms of one patient (512 px, other lesions, the prior moved by a known affine transform), all on one thread.
Error: mean distance in pixels of 512 between where places of the body come to lie and where they belong. Peer: SimpleITK's
affine Mattes registration of the plain grey values at full resolution, every pixel, in the usual three levels. With --nih:
how alike real follow-up pairs become (0 to 1, `Registration.quality`) beside the peer, how often each reason is given for
them, and for the same pairs with the prior turned, inverted and mirrored.
"""

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.arguments import make_parser, positive
from benchmarks.timing import timed
from cxrreport.imaging.align import SIDE as UNITS
from cxrreport.imaging.align import PixelPair, affine, as_image, sitk, warp
from cxrreport.imaging.match import body
from cxrreport.imaging.preprocess import preprocess
from cxrreport.imaging.register import decide, register
from cxrreport.phantoms.phantom import Lesion, draw_frontal

SIDE = 512
_LESIONS = (Lesion("pleural effusion", "left", 0.8), Lesion("consolidation", "right", 0.7, "lower"))
Pixels = np.ndarray


def draw_pair(seed: int) -> tuple[Pixels, Pixels, Any]:
    """Current and prior image of one patient in one pose, and the transform that the prior was moved by (256 a side)."""
    lesions = _LESIONS[seed % 2 : seed % 2 + 1]
    images = [_large(draw_frontal(seed, shown, exposure_seed=0, side=SIDE).pixels) for shown in (lesions, ())]
    rng = np.random.default_rng([seed, 5])
    angle, scales = math.radians(rng.uniform(-5, 5)), rng.uniform(0.94, 1.06, 2)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    move = sitk.AffineTransform(2)
    move.SetCenter((UNITS / 2, UNITS / 2))
    move.SetMatrix((turn * scales).ravel().tolist())
    move.SetTranslation(rng.uniform(-12, 12, 2).tolist())
    return images[0], warp(images[1], move, (SIDE, SIDE)), move


def _large(pixels: Pixels) -> Pixels:
    """Grey values as `preprocess` gives them, at full size."""
    return np.round(255 * np.clip(pixels / np.percentile(pixels, 99.5), 0, 1)).astype(np.uint8)


def peer(current: Pixels, prior: Pixels) -> Any:
    """Affine transform of the plain images by Mattes mutual information, three levels, every pixel."""
    fixed, moving = (sitk.Cast(as_image(pixels), sitk.sitkFloat32) for pixels in (current, prior))
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(32)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.02, 100)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    transform = affine()
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    return transform


def error(found: Any, move: Any, current: Pixels) -> float:
    """Mean distance in pixels of 512 that places of the body lie off."""
    places = np.argwhere(body(current))[::997] * (UNITS / SIDE)
    there = [move.TransformPoint(found.TransformPoint((float(x), float(y)))) for y, x in places]
    return float(
        np.mean([math.dist(place, (x, y)) for place, (y, x) in zip(there, places, strict=True)]) * SIDE / UNITS
    )


def print_speed(count: int) -> None:
    """Seconds and error a pair, ours and the peer's, and their ratio."""
    ways: dict[str, Callable[[Pixels, Pixels], Any]] = {
        "affine": lambda current, prior: register(current, prior, elastic=False),
        "elastic": lambda current, prior: register(current, prior, elastic=True),
        "peer": peer,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    errors: dict[str, list[float]] = {"affine": [], "peer": []}
    for current, prior, move in map(draw_pair, range(count)):
        for name, way in ways.items():
            found, taken = timed(partial(way, current, prior))
            seconds[name].append(taken)
        errors["peer"].append(error(found, move, current))  # the peer's comes last
        images = (Image.fromarray(pixels) for pixels in (current, prior))
        small = [np.asarray(image.resize((UNITS, UNITS), Image.Resampling.BOX)) for image in images]
        errors["affine"].append(error(decide(PixelPair(*small))[0], move, current))
    for name, times in seconds.items():
        off = f"  off by {np.median(errors[name]):5.2f} px (most {max(errors[name]):.2f})" if name in errors else ""
        print(f"{name:<8} {np.median(times):5.2f} s a pair of {SIDE} px (most {max(times):.2f}){off}")
    share, missed = (float(np.median(of["affine"]) / np.median(of["peer"])) for of in (seconds, errors))
    print(f"ratio    {share:5.2f} of the peer's time; {missed:.2f} of its error")


def real_pairs(folder: Path, every: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Current and prior image of each `every`-th pair of the NIH follow-ups, preprocessed."""
    for row in list(csv.DictReader((folder / "pairs.csv").open()))[::every]:
        images = (Image.open(folder / "images" / f"{row[key]}.jpg").convert("L") for key in ("id_curr", "id_prev"))
        current, prior = (preprocess(np.asarray(pixels, dtype=np.float32)) for pixels in images)
        yield current, prior


def print_reasons(folder: Path, every: int) -> None:
    """Share of each reason, for the pairs as they are and with the prior spoilt."""
    spoil: dict[str, Callable[[Pixels], Pixels]] = {
        "as they are": lambda pixels: pixels,
        "turned 90": lambda pixels: np.rot90(pixels),
        "turned 180": lambda pixels: np.rot90(pixels, 2),
        "inverted": lambda pixels: preprocess(255 - pixels.astype(np.float32)),
        "mirrored": lambda pixels: pixels[:, ::-1],
    }
    pairs = list(real_pairs(folder, every))
    theirs = [both.quality(peer(now, before)) for now, before in pairs for both in [PixelPair(now, before)]]
    print(f"\n{len(pairs)} pairs of NIH ChestX-ray14")
    _print_quality("peer", theirs)
    for name, change in spoil.items():
        found = [register(now, np.ascontiguousarray(change(before))) for now, before in pairs]
        shares = Counter(one.reason or "registered" for one in found)
        listed = ", ".join(f"{reason} {100 * n / len(pairs):.1f} %" for reason, n in shares.most_common())
        _print_quality(name, [one.quality for one in found], f"{listed}; ")


def _print_quality(name: str, found: list[float], before: str = "") -> None:
    low = 100 * np.mean(np.less(found, 0.55))
    print(f"{name:<12} {before}median quality {np.median(found):.2f}, below 0.55 {low:.1f} %")


def main() -> None:
    """Print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--pairs", type=positive, default=6)
    parser.add_argument("--nih", type=Path)
    parser.add_argument("--every", type=positive, default=4)
    arguments = parser.parse_args()
    print_speed(arguments.pairs)
    if arguments.nih:
        print_reasons(arguments.nih, arguments.every)


if __name__ == "__main__":
    main()
