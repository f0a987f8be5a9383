"""Read the wording of a site, and check that each of its sentences says what it is there for and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import product
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from cxrreport.drafting.known import DEVICES
from cxrreport.drafting.licences import check_comparisons
from cxrreport.drafting.wording import TOLD, Wording, changes_told
from cxrreport.errors import ConfigurationError
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.reports.claims import Text, read
from cxrreport.reports.labels import words
from cxrreport.reports.qualifiers import Side
from cxrreport.reports.summaries import summaries
from cxrreport.reports.whole import is_whole

_CODE = "configuration.wording"
_SAMPLE = "pleural effusion"  # the finding that phrases are tried with
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
    for place, finding, phrase, state, change in phrases(wording):
        if not _fits(finding, phrase, state, change):
            yield place, f'"{phrase}" says something else'
    for place, sentence in (
        ("nothing", wording.nothing),
        ("impression.nothing acute", wording.impression.nothing_acute),
    ):
        text = read(sentence)
        if len(text.sentences) != 1 or text.sentences[0].claims or not is_whole(sentence):
            yield place, f'"{sentence}" names a finding or is no sentence'


def phrases(wording: Wording) -> Iterator[tuple[str, str, str, State, Change | None]]:
    """Place, finding, words and sense of the phrases of impression and comparison, each told of one finding."""
    name = wording.name(_SAMPLE)
    yield "impression.positive", _SAMPLE, wording.impression.positive.format(list=name), State.POSITIVE, None
    yield "impression.uncertain", _SAMPLE, wording.impression.uncertain.format(list=name), State.UNCERTAIN, None
    yield "impression.absent", _SAMPLE, wording.impression.absent.format(list=name), State.NEGATIVE, None
    own = [finding for finding, said in wording.findings.items() if said.gone]
    for change in TOLD:
        state = State.NEGATIVE if change is Change.RESOLVED else State.POSITIVE
        for part in (wording.impression, wording.comparison):
            if hasattr(part, change.value):  # an impression does not tell what is unchanged
                place = f"{'impression' if part is wording.impression else 'comparison'}.{change.value}"
                yield place, _SAMPLE, wording.phrase(part, _SAMPLE, change, None), state, change
    for finding in own:
        gone = wording.phrase(wording.impression, finding, Change.RESOLVED, None)
        yield f"findings.{finding}.gone", finding, gone, State.NEGATIVE, Change.RESOLVED


def _fits(finding: str, phrase: str, state: State, change: Change | None) -> bool:
    """Whether a phrase, which need not have a verb, tells this finding in this state, and this change."""
    text = read(f"{phrase.rstrip('.')}.")
    claims = [claim for sentence in text for claim in sentence.claims]
    compared = check_comparisons(text, {finding: change} if change else {})
    right = all(c.finding == finding and (change is Change.RESOLVED or c.state is state) for c in claims)
    return bool(claims) and right and bool(compared) is bool(change) and all(true for _, true in compared)


def said(wording: Wording, told: Told, key: str) -> str:
    """The sentence for it."""
    if told.name:
        return wording.device(told.name, key, told.change)
    return wording.sentence(told.finding, told.state, key, told.side, told.change)


def misread(text: Text, told: Told) -> str:
    """What is wrong with a sentence that is to say this; "" where nothing is."""
    if len(text.sentences) != 1 or not is_whole(text.string):
        return "is not one whole sentence"
    sentence = text.sentences[0]
    if {(claim.finding, claim.state) for claim in sentence.claims} != {(told.finding, told.state)}:
        return f"is not read as {told.finding} {told.state.value}"
    inside = [range(claim.start, claim.end) for claim in sentence.claims]
    more = [
        one for one in sentence.specifics if one.kind != "summary" and not any(one.start in here for here in inside)
    ]
    summed_up = {finding for _, covered in summaries(text.string, sentence) for finding in covered}
    if sentence.measures or more or not summed_up <= {told.finding}:
        return "says more than that"
    if {claim.name for claim in sentence.claims} - {""} != {told.name} - {""}:
        return "names another kind of device"
    if {claim.side for claim in sentence.claims} != {told.side}:
        return f"is not read as {told.side.value if told.side else 'of no side'}"
    if any(claim.degree for claim in sentence.claims):
        return "has a severity"
    changes = {told.finding: told.change} if told.change else {}
    if bool(sentence.comparisons) != bool(changes) or not all(true for _, true in check_comparisons(text, changes)):
        return "says another change"
    return ""
