"""Read the wording of a site, and check that each of its sentences says what it is there for and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import product
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from cxrreport.drafting.known import DEVICES
from cxrreport.drafting.licences import check_comparisons
from cxrreport.drafting.wording import (
    TOLD,
    ComparisonWords,
    ImpressionWords,
    Wording,
    changes_told,
    finished,
    listed,
)
from cxrreport.errors import ConfigurationError
from cxrreport.findings import ACUTE, FINDINGS, Change, State
from cxrreport.reports.claims import Text, read
from cxrreport.reports.labels import words
from cxrreport.reports.qualifiers import Side
from cxrreport.reports.summaries import summaries
from cxrreport.reports.whole import is_whole

_CODE = "configuration.wording"
_SAMPLES = ("pleural effusion", "pneumothorax")  # the findings that phrases are tried with, alone and in a list
_TRIES = 12  # keys that are tried for a sentence: enough to meet each of a few variants


class Told(NamedTuple):
    """What a sentence is to say of one finding; `name` is a kind of device."""

    finding: str
    state: State
    side: Side | None = None
    change: Change | None = None
    name: str = ""


@cache
def default_wording() -> Wording:
    """The wording of the package."""
    return _parse(resources.files("cxrreport.drafting").joinpath("wording.yaml").read_text("utf-8"))


def load_wording(path: Path | None) -> Wording:
    """The wording of a site; that of the package where it has none.

    Raises
    ------
    ConfigurationError : the file cannot be read, lacks a part, or has a sentence that says something else than it should.
    """
    if path is None:
        return default_wording()
    try:
        wording = _parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("The wording cannot be read as a text in UTF-8.", _CODE) from error
    for place, wrong in faults(wording):
        raise ConfigurationError(f"The wording does not fit: {place}: {wrong}.", _CODE)
    return wording


def _parse(text: str) -> Wording:
    try:
        wording = Wording.model_validate(yaml.safe_load(text))
    except (RecursionError, OverflowError) as error:
        raise ConfigurationError("The wording is nested too deeply or has too large numbers.", _CODE) from error
    except yaml.MarkedYAMLError as error:
        place = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"The wording is no YAML{place}: {error.problem}.", _CODE) from None
    except (yaml.YAMLError, ValueError) as error:
        if not isinstance(error, ValidationError):
            raise ConfigurationError("The wording is no YAML that can be read.", _CODE) from error
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigurationError(f"The wording does not fit: {place}: {first['msg']}.", _CODE) from None
    if wrong := {*wording.findings} ^ {*FINDINGS[:-1]}:
        raise ConfigurationError(
            f"The wording does not fit: findings: {sorted(wrong)[0]} is missing or unknown.", _CODE
        )
    if unknown := {*wording.kinds} - {*words()["kinds of devices"]}:
        raise ConfigurationError(f"The wording does not fit: kinds: {sorted(unknown)[0]} is unknown.", _CODE)
    for finding, own in wording.findings.items():
        for change in (change for change in TOLD if change not in changes_told(finding) and getattr(own, change.value)):
            raise ConfigurationError(
                f"The wording does not fit: findings.{finding}.{change.value}: nothing says it.", _CODE
            )
    return wording


# -- does each sentence say what it is there for ----------------------------------------------------------------------


def combinations(wording: Wording) -> Iterator[Told]:
    """Everything that the wording can be asked to say of one finding."""
    for finding, said in wording.findings.items():
        sides = (None, *Side) if said.both else (None,)
        for side, change in product(sides, (None, *changes_told(finding))):
            yield Told(finding, State.NEGATIVE if change is Change.RESOLVED else State.POSITIVE, side, change)
        yield from (Told(finding, State.UNCERTAIN, side) for side in sides)
        yield Told(finding, State.NEGATIVE)
    for kind, change in product(wording.kinds, (None, Change.UNCHANGED)):
        yield Told(DEVICES, State.POSITIVE, change=change, name=kind)


def faults(wording: Wording) -> Iterator[tuple[str, str]]:
    """Place in the file and fault of each sentence that says something else than it should."""
    for told in combinations(wording):
        for sentence in {said(wording, told, str(key)) for key in range(_TRIES)}:
            if wrong := misread(read(sentence), told):
                yield f"{told.finding} {(told.change or told.state).value}", f'"{sentence}" {wrong}'
    for sentence in {wording.none(_SAMPLES, str(key)) for key in range(_TRIES)}:
        if wrong := misread(read(sentence), *(Told(finding, State.NEGATIVE) for finding in _SAMPLES)):
            yield "none of", f'"{sentence}" {wrong}'
    for place, phrase, all_told in phrases(wording):
        if not _fits(phrase, all_told):
            yield place, f'"{phrase}" says something else'
    for place, phrase, right in _silent(wording):
        if not right:
            yield place, f'"{phrase}" names a finding, says more than it should or is no sentence'


def phrases(wording: Wording) -> Iterator[tuple[str, str, list[Told]]]:
    """Place, words and sense of the phrases of impression and comparison."""
    words, names = wording.impression, [wording.name(finding) for finding in _SAMPLES]
    for place, form, state, joint in (
        ("positive", words.positive, State.POSITIVE, "and"),
        ("uncertain", words.uncertain, State.UNCERTAIN, "or"),
        ("absent", words.absent, State.NEGATIVE, "or"),
    ):
        for count in range(1, len(names) + 1):
            told = [Told(finding, state) for finding in _SAMPLES[:count]]
            yield f"impression.{place}", form.format(list=listed(names[:count], joint)), told
    for part, name in ((words, "impression"), (wording.comparison, "comparison")):
        for change in (
            change for change in TOLD if hasattr(part, change.value)
        ):  # an impression tells of no steady one
            yield f"{name}.{change.value}", *_of_change(wording, part, _SAMPLES[0], change)
        for finding in (finding for finding, own in wording.findings.items() if own.gone):
            yield f"findings.{finding}.gone", *_of_change(wording, part, finding, Change.RESOLVED)
    clause, told = _of_change(wording, wording.comparison, _SAMPLES[0], Change.NEW)
    yield "comparison.lead", _led(wording, clause), told


def _of_change(
    wording: Wording, part: ImpressionWords | ComparisonWords, finding: str, change: Change
) -> tuple[str, list[Told]]:
    state = State.NEGATIVE if change is Change.RESOLVED else State.POSITIVE
    return wording.phrase(part, finding, change, None), [Told(finding, state, change=change)]


def _fits(phrase: str, told: Sequence[Told]) -> bool:
    """Whether a phrase, which need not have a verb, tells these and nothing else; what has resolved may read as there."""
    text = read(finished(phrase))
    if len(text.sentences) != 1:
        return False
    gone = any(one.change is Change.RESOLVED for one in told)
    states = {(claim.finding, told[0].state if gone else claim.state) for claim in text.sentences[0].claims}
    return states == {(one.finding, one.state) for one in told} and not _more(text, told)


def _silent(wording: Wording) -> Iterator[tuple[str, str, bool]]:
    """Place, words and rightness of what names no finding: it sums up what is acute, says that nothing changed, or nothing."""
    acute, same = wording.impression.nothing_acute, _led(wording, wording.comparison.no_change)
    unknown = _led(wording, wording.comparison.unknown)
    yield "nothing", wording.nothing, is_whole(wording.nothing) and _says_alone(wording.nothing, frozenset(), None)
    yield "impression.nothing acute", acute, is_whole(acute) and _says_alone(acute, ACUTE, None)
    yield "comparison.no change", same, _says_alone(same, frozenset(), Change.UNCHANGED)
    yield "comparison.unknown", unknown, _says_alone(unknown, frozenset(), None)


def _led(wording: Wording, clauses: str) -> str:
    return wording.comparison.lead.format(when="", clauses=clauses)


def _says_alone(phrase: str, covered: frozenset[str], change: Change | None) -> bool:
    """Whether one sentence claims nothing but that all of `covered` is absent and, if there is one, this change of all."""
    text = read(finished(phrase))
    if len(text.sentences) != 1 or text.sentences[0].claims or text.sentences[0].measures:
        return False
    changes = text.sentences[0].changes
    fits = bool(changes) is bool(change) and all(change in word.meaning.fits for word in changes)
    return fits and _summed_up(text) == covered


def _summed_up(text: Text) -> frozenset[str]:
    found = (summaries(text.string, sentence) for sentence in text)
    return frozenset(finding for rows in found for _, covered in rows for finding in covered)


def said(wording: Wording, told: Told, key: str) -> str:
    """The sentence for it."""
    if told.name:
        return wording.device(told.name, key, told.change)
    return wording.sentence(told.finding, told.state, key, told.side, told.change)


def misread(text: Text, *told: Told) -> str:
    """What is wrong with a sentence that is to say these; "" where nothing is."""
    if len(text.sentences) != 1 or not is_whole(text.string):
        return "is not one whole sentence"
    if {(claim.finding, claim.state) for claim in text.sentences[0].claims} != {
        (one.finding, one.state) for one in told
    }:
        return f"is not read as {' and '.join(f'{one.finding} {one.state.value}' for one in told)}"
    return _more(text, told)


def _more(text: Text, told: Sequence[Told]) -> str:
    """What a sentence of these findings says beside their states that it should not; "" where nothing is."""
    sentence = text.sentences[0]
    inside = [range(claim.start, claim.end) for claim in sentence.claims]
    more = [
        one for one in sentence.specifics if one.kind != "summary" and not any(one.start in here for here in inside)
    ]
    if sentence.measures or more or not _summed_up(text) <= {one.finding for one in told}:
        return "says more than that"
    if {claim.name for claim in sentence.claims} - {""} != {one.name for one in told} - {""}:
        return "names another kind of device"
    if {claim.side for claim in sentence.claims} != {one.side for one in told}:
        return f"is not read as {told[0].side.value if told[0].side else 'of no side'}"
    if any(claim.degree for claim in sentence.claims):
        return "has a severity"
    changes = {one.finding: one.change for one in told if one.change}
    if bool(sentence.comparisons) != bool(changes) or not all(true for _, true in check_comparisons(text, changes)):
        return "says another change"
    return ""
