"""The actionable-error score: what a draft tells wrongly of each finding, and whether it would change what is done.

Draft and reference are read by the same function and matched finding by finding. A hedge ("possible edema") tells that the
finding is there: between it and an assertion the difference is partial, against a denial or silence it is an error, or a
draft could escape all errors by hedging everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cxrreport.findings import OTHER, PARENTS, THERE, Change, State, Tier, tier
from cxrreport.mistakes import Dimension, Mistake, Verdict
from cxrreport.reports.claims import Claim, Text
from cxrreport.reports.qualifiers import Side

_BETTER, _WORSE = {Change.IMPROVED, Change.RESOLVED}, {Change.NEW, Change.WORSENED}


@dataclass(frozen=True, slots=True)
class Told:
    """What a text tells of one finding in all its sentences; None: nothing, or two things."""

    finding: str
    name: str
    state: State
    side: Side | None = None
    severity: int | None = None
    change: Change | None = None

    @property
    def there(self) -> bool:
        """It is there, or may be."""
        return self.state in THERE

    @property
    def tier(self) -> Tier:
        """How soon somebody has to act on it."""
        return tier(self.finding, self.severity, self.name)


Key = tuple[str, str]


def tell(text: Text) -> dict[Key, Told]:
    """What a text tells, by finding and name of another abnormality; the kinds of devices are one finding."""
    said: dict[Key, list[Claim]] = {}
    for claim in (claim for sentence in text for claim in sentence.claims):
        said.setdefault((claim.finding, claim.name if claim.finding == OTHER else ""), []).append(claim)
    return {key: _told(key, claims) for key, claims in said.items()}


def _told(key: Key, claims: Iterable[Claim]) -> Told:
    """Positive wins over uncertain over negative; sides, severities and changes are those of the claims of that state."""
    by_state = {state: [c for c in claims if c.state is state] for state in State}
    state = next(s for s in (State.POSITIVE, State.UNCERTAIN, State.NEGATIVE) if by_state[s])
    own = by_state[state]
    sides = {claim.side for claim in own if claim.side}
    severities = [s for claim in own if claim.degree and (s := claim.degree.meaning.severity) is not None]
    changes = {claim.change for claim in own if claim.change}
    side = Side.BILATERAL if len(sides) > 1 else next(iter(sides), None)
    change = next(iter(changes)) if len(changes) == 1 else None
    return Told(*key, state, side, max(severities, default=None), change)


def judge(draft: Mapping[Key, Told], reference: Mapping[Key, Told]) -> list[Mistake]:
    """A verdict for each finding that the reference or the draft tells to be there.

    Silence of the reference counts as absence; a denial that nobody asked for is no error. An opacity that the reference
    explains ("opacity, atelectasis") is judged as what explains it.
    """
    told = _there(reference)
    there = {key: one for key, one in told.items() if not any(_implies(other, key) for other in told)}
    free = {key: one for key, one in _there(draft).items() if key in told or key not in reference}
    kin = _kin(free, there)
    found = [_of_told(one, draft.get(key), key in kin) for key, one in there.items()]
    surplus = (key for key in _there(draft) if key not in there and key not in kin)
    return found + [_of_surplus(draft[key], reference.get(key)) for key in surplus]


def _there(told: Mapping[Key, Told]) -> dict[Key, Told]:
    return {key: one for key, one in told.items() if one.there}


def _kin(said: Mapping[Key, Told], there: Mapping[Key, Told]) -> set[Key]:
    """Findings that only one side tells by their own name, and the other by what they imply or what implies them.

    An opacity tells some of any pneumonia; of several findings that imply the opacity of a reference only one, the least
    urgent, tells it, or a draft could list them all.
    """
    kin = {key for key in there if key not in said and any(_implies(key, other) for other in said)}
    kin |= {key for key in said if any(_implies(other, key) for other in there)}
    for parent in (key for key in there if key not in said):
        children = [key for key in said if key not in there and _implies(key, parent)]
        if children:
            kin |= {parent, max(children, key=lambda key: said[key].tier)}
    return kin


def _implies(one: Key, other: Key) -> bool:
    return other[0] in PARENTS.get(one[0], ())


def _of_told(there: Told, draft: Told | None, kin: bool) -> Mistake:
    """Verdict on what the reference tells to be there."""
    if draft is not None and draft.there:
        verdict, dimension = next(_differences(draft, there), (Verdict.CORRECT, Dimension.NONE))
        return Mistake(there.finding, there.name, verdict, dimension, min(draft.tier, there.tier))
    if draft is not None:
        return Mistake(there.finding, there.name, Verdict.WRONG, Dimension.STATE, there.tier)
    if kin:
        return Mistake(there.finding, there.name, Verdict.PARTIAL, Dimension.NAME, there.tier)
    return Mistake(there.finding, there.name, Verdict.MISSED, Dimension.STATE, there.tier)


def _of_surplus(draft: Told, reference: Told | None) -> Mistake:
    """Verdict on what the draft alone tells to be there; what the reference denies is wrong."""
    verdict = Verdict.INVENTED if reference is None else Verdict.WRONG
    dimension = Dimension.STATE if draft.state is State.POSITIVE else Dimension.CERTAINTY
    return Mistake(draft.finding, draft.name, verdict, dimension, draft.tier)


def _differences(draft: Told, there: Told) -> Iterator[tuple[Verdict, Dimension]]:
    """In what two differ that tell a finding to be there, the worst first. What the draft adds cannot be judged."""
    steps = None if draft.severity is None or there.severity is None else abs(draft.severity - there.severity)
    if {draft.side, there.side} == {Side.LEFT, Side.RIGHT}:
        yield Verdict.WRONG, Dimension.SIDE
    if steps is not None and steps > 1:
        yield Verdict.WRONG, Dimension.SEVERITY
    if {draft.change, there.change} & _BETTER and {draft.change, there.change} & _WORSE:
        yield Verdict.WRONG, Dimension.CHANGE
    if draft.state is not there.state:
        yield Verdict.PARTIAL, Dimension.CERTAINTY
    if there.side and draft.side is not there.side:
        yield Verdict.PARTIAL, Dimension.SIDE
    if there.severity is not None and steps != 0:
        yield Verdict.PARTIAL, Dimension.SEVERITY
    if there.change and draft.change is not there.change:
        yield Verdict.PARTIAL, Dimension.CHANGE
