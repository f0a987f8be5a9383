"""Does the text name the side on which the change is seen? A wrong side is the fault that harms most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cxrreport.records import Region

_MIDDLE = 0.08  # of the width on either side of the midline, where a box is on neither


def wrong_sides(sides: Mapping[str, str], regions: Sequence[Region], width: int) -> tuple[str, ...]:
    """Findings of which the text names the side on which none of their changes is seen.

    Parameters
    ----------
    sides : "left" or "right" of the patient, by finding, as the text says it; other words are passed over.
    regions : boxes on a frontal film of `width` pixels, whose left half is the right side of the patient. Only those of kind
        "change" count: what is called evidence lies too loosely.
    """
    seen: dict[str, set[str]] = {}
    for region in regions:
        if region.kind == "change" and region.finding is not None:
            seen.setdefault(region.finding, set()).add(_side((region.x + region.w / 2) / width))
    opposite = {"left": {"right"}, "right": {"left"}}
    return tuple(finding for finding, side in sides.items() if seen.get(finding) == opposite.get(side, set[str]()))


def _side(place: float) -> str:
    """The patient's side at a place across the film, 0..1."""
    if abs(place - 0.5) < _MIDDLE:
        return "middle"
    return "right" if place < 0.5 else "left"
