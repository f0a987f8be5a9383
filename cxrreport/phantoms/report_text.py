"""Signed reports in a radiologist's words, written from what was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrreport.phantoms.devices import device_kinds
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.phrases import (
    CHANGES,
    CLEAR,
    COMPARISONS,
    DEVICES,
    IMPRESSIONS,
    NORMAL,
    OPENINGS,
    PRESENT,
    RESOLVED,
    SEVERITY,
    SHORT,
    UNCHANGED_NORMAL,
)

STEP = 0.12  # smallest difference of severity that a reader calls a change


@dataclass(frozen=True, slots=True)
class LesionChange:
    """A lesion of this visit or the last one and what became of it (words of `records.Change`)."""

    lesion: Lesion
    change: str  # "" without a prior, else new, worsened, unchanged, improved or resolved


def key(lesion: Lesion) -> tuple[str, str, str]:
    """What makes two visits' lesions the same one."""
    return lesion.finding, lesion.side, lesion.zone


def changes_of(lesions: Sequence[Lesion], prior: Sequence[Lesion] | None) -> list[LesionChange]:
    """Every lesion with its change; resolved ones of the prior at the end."""
    if prior is None:
        return [LesionChange(lesion, "") for lesion in lesions]
    before = {key(lesion): lesion.severity for lesion in prior}
    now = {key(lesion) for lesion in lesions}
    current = [LesionChange(lesion, change_word(lesion.severity, before.get(key(lesion)))) for lesion in lesions]
    return current + [LesionChange(lesion, "resolved") for lesion in prior if key(lesion) not in now]


def change_word(severity: float, before: float | None) -> str:
    """New, worsened, unchanged or improved."""
    if before is None:
        return "new"
    if abs(severity - before) < STEP:
        return "unchanged"
    return "worsened" if severity > before else "improved"


def severity_word(severity: float, finding: str) -> str:
    """Small, moderate or large, in the words used of this finding."""
    words = SEVERITY.get(finding, SEVERITY["default"])
    return words[min(len(words) - 1, int(severity * len(words)))]


def where(lesion: Lesion) -> dict[str, str]:
    """Words for side and zone."""
    side = {"left": "left", "right": "right", "both": "bilateral", "midline": ""}[lesion.side]
    lobe = f"{lesion.zone} lung zone" + ("s" if lesion.side == "both" else "")
    place = {"both": f"both {lobe}", "midline": "the lungs"}.get(lesion.side, f"the {side} {lobe}")
    return {"side": side, "zone": lesion.zone, "place": place}


def fill_in(template: str, lesion: Lesion) -> str:
    """A template with side, zone and severity, spaces and first letter put right."""
    number = 1 + round(2 * lesion.severity)  # fragments or ribs, as drawn
    ribs = "rib" if number == 1 and lesion.side != "both" else "ribs"
    words = {**where(lesion), "severity": severity_word(lesion.severity, lesion.finding), "ribs": ribs}
    text = " ".join(template.format(**words).split())
    return text[:1].upper() + text[1:]


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of several wordings."""
    return options[int(rng.integers(len(options)))]


def noun(lesion: Lesion) -> str:
    """How a comparison sentence names a lesion, with its side."""
    if lesion.finding == "support devices":
        return " and ".join(device_kinds(lesion))
    words = where(lesion)
    return " ".join(SHORT[lesion.finding].format(**words).split())


def finding_sentence(one: LesionChange, rng: np.random.Generator) -> str:
    """What the findings section says of one lesion."""
    lesion, name = one.lesion, noun(one.lesion)
    are = "have" if " and " in name or name.endswith("s") else "has"
    if one.change == "resolved":
        device = lesion.finding == "support devices"
        return fill_in(pick(rng, RESOLVED["device" if device else "lesion"]).format(noun=name, have=are), lesion)
    if lesion.finding == "support devices":
        sentences = [pick(rng, DEVICES[kind]) for kind in device_kinds(lesion)]
        tail = {"new": "new", "unchanged": "unchanged"}.get(one.change)
        sentences += [f"The {name} {'are' if are == 'have' else 'is'} {tail} since the prior study."] if tail else []
        return " ".join(sentences)
    sentence = fill_in(pick(rng, PRESENT[lesion.finding]), lesion)
    if not one.change:
        return sentence
    change = pick(rng, CHANGES[one.change]).format(noun=name, have=are, be="are" if are == "have" else "is")
    return f"{sentence} {change[:1].upper()}{change[1:]}"


def clear_sentences(lesions: Sequence[Lesion], rng: np.random.Generator) -> list[str]:
    """Negatives that a report states of what is not there."""
    present = {lesion.finding for lesion in lesions}
    lung = {"consolidation", "pneumonia", "lung opacity", "edema", "lung lesion", "atelectasis"}
    not_clear = lung | {"pneumothorax", "pleural effusion", "pleural other"}
    heart = not present & {"cardiomegaly", "enlarged cardiomediastinum"}
    sentences = [pick(rng, CLEAR["heart"])] if heart else []
    absent = [name for name in ("pleural effusion", "pneumothorax") if name not in present]
    focal = "focal consolidation" if not present & lung else ""
    if not present & not_clear:
        sentences.append(pick(rng, CLEAR["lungs"]))
    listed = [name for name in (focal, *absent) if name]
    if listed:
        joined = " or ".join(listed) if len(listed) < 3 else f"{', '.join(listed[:-1])}, or {listed[-1]}"
        sentences.append(pick(rng, ("No {0}.", "There is no {0}.", "No evidence of {0}.")).format(joined))
    if "fracture" not in present and rng.random() < 0.6:
        sentences.append(pick(rng, CLEAR["bones"]))
    return sentences


def impression_line(one: LesionChange, rng: np.random.Generator) -> str:
    """What the impression says of one lesion."""
    name, device = noun(one.lesion), one.lesion.finding == "support devices"
    if one.change == "resolved" and device:
        line = f"Interval removal of {name}."
    elif one.change:
        line = pick(rng, IMPRESSIONS[one.change]).format(noun=name)
    else:
        word = severity_word(one.lesion.severity, one.lesion.finding)
        line = f"{name} in place." if device else f"{word} {name}."
    return line[:1].upper() + line[1:]


def write_report_text(
    lesions: Sequence[Lesion], prior_lesions: Sequence[Lesion] | None, rng: np.random.Generator
) -> tuple[str, str, str]:
    """Findings, impression and comparison of a signed report.

    `prior_lesions` is None where there is no prior; with a prior, sentences say what is new, worse, the same,
    better or resolved.
    """
    changes = changes_of(lesions, prior_lesions)
    comparison = "None." if prior_lesions is None else pick(rng, COMPARISONS)
    opening = [pick(rng, OPENINGS)] if rng.random() < 0.35 else []
    sentences = [finding_sentence(one, rng) for one in changes]
    clear = clear_sentences(lesions, rng)
    body = sentences + clear if rng.random() < 0.7 else clear[:1] + sentences + clear[1:]
    findings = " ".join([*opening, *body])
    if not changes:
        return findings, pick(rng, NORMAL if prior_lesions is None else UNCHANGED_NORMAL), comparison
    lines = [impression_line(one, rng) for one in changes]
    if len(lines) > 1 and rng.random() < 0.6:
        lines = [f"{number}. {line}" for number, line in enumerate(lines, 1)]
    return findings, " ".join(lines), comparison
