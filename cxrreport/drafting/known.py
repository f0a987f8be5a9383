"""All that a draft may rest on: the table, the sides that regions show, the devices that a signed report names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from cxrreport.drafts import Finding, Region
from cxrreport.findings import CHANGED, PARENTS, URGENCY, Change, State, implied_by, most_particular
from cxrreport.reports.qualifiers import Side

DEVICES = "support devices"
# Probability from which on a doubt is worth a sentence (almost anything "cannot be excluded"): where the decoder names the
# finding, and where it does not. On 296 validation studies of IU X-Ray lower ones made more errors than they mended.
_HEDGED, _LIKELY = 0.3, 0.4
_MIDDLE = 0.08  # of the width on either side of the midline, where a box is on neither
_MORE = (Change.NEW, Change.WORSENED)  # the other changes tell of less
# State of the prior and of now without which a change is none.
_BEFORE_AND_NOW = {
    Change.NEW: ({State.NEGATIVE, State.BLANK}, {State.POSITIVE}),
    Change.WORSENED: ({State.POSITIVE}, {State.POSITIVE}),
    Change.IMPROVED: ({State.POSITIVE}, {State.POSITIVE}),
    Change.UNCHANGED: ({State.POSITIVE}, {State.POSITIVE}),
    Change.RESOLVED: ({State.POSITIVE}, {State.NEGATIVE}),
}


@dataclass(frozen=True, slots=True)
class Known:
    """All that a text of one study may rest on.

    rows : the table, by finding. sides : of the findings of which a region of change shows one. kinds : of devices.
    quality : of the registration, 0..1; None where the prior does not lie on the current film.
    """

    rows: Mapping[str, Finding]
    sides: Mapping[str, Side] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    quality: float | None = None

    @property
    def states(self) -> dict[str, State]:
        """State of each finding."""
        return {finding: row.state for finding, row in self.rows.items()}

    @property
    def positive(self) -> set[str]:
        """Findings that are there, "no finding" aside."""
        return {f for f, row in self.rows.items() if row.state is State.POSITIVE and f != "no finding"}

    @property
    def asserted(self) -> set[str]:
        """What may be asserted: the positive findings and what they imply; a large heart widens no mediastinum in words."""
        return self.positive | (self.implied - {"enlarged cardiomediastinum"})

    @property
    def implied(self) -> set[str]:
        """What the positive findings imply, which may not be denied."""
        return implied_by(self.positive)

    @property
    def absent(self) -> set[str]:
        """What may be denied: negative, and nothing that implies it is there."""
        return {f for f, row in self.rows.items() if row.state is State.NEGATIVE} - (self.positive | self.implied)

    @property
    def doubtful(self) -> set[str]:
        """What may be doubted: uncertain and likely enough, neither implied by what is there nor implying what is absent."""
        open_ones = (f for f, row in self.rows.items() if row.state is State.UNCERTAIN and row.probability >= _HEDGED)
        uncertain = {*open_ones} - (self.positive | self.implied)
        return {finding for finding in uncertain if not self.absent & {*PARENTS.get(finding, ())}}

    def doubts(self, named: Set[str], told: Set[str]) -> list[str]:
        """What is to be told as possible, by urgency: doubtful and named by the decoder, or likely; each by its likeliest name.

        told : what other sentences tell. A lung lesion of .3 beside an opacity of .5 is a possible opacity.
        """
        likely = {f for f in self.doubtful if f in named or self.rows[f].probability >= _LIKELY}
        found = (likely | (self.doubtful & implied_by(likely))) - told - {"no finding"}
        found = {f for f in found if not told & self.doubtful & _kin(f)}
        return sorted((f for f in found if self._likeliest(f, found)), key=URGENCY.index)

    def _likeliest(self, finding: str, among: Set[str]) -> bool:
        """Whether none of its kin is likelier, nor a more particular one as likely."""
        own, rows = self.rows[finding].probability, self.rows
        kin = _kin(finding) & among
        return all(
            rows[o].probability < own or (rows[o].probability == own and o in PARENTS.get(finding, ())) for o in kin
        )

    @property
    def changes(self) -> dict[str, Change]:
        """Changes that agree with the states before and now: only what was there can improve or stay.

        What implies a finding tells of it, too: one that was implied before is not new, and one that is implied now has not
        resolved.
        """
        before = {f for f, row in self.rows.items() if row.prior_state is State.POSITIVE}
        refuted = {Change.NEW: implied_by(before), Change.RESOLVED: self.implied}
        found = {f: row.change for f, row in self.rows.items() if row.change and _agrees(row, row.change)}
        return {f: change for f, change in found.items() if f not in refuted.get(change, ())}

    @property
    def spoken(self) -> list[str]:
        """What a draft tells, by urgency: what is there and what has resolved, each under its most particular name.

        A more general finding is told beside one that implies it only if it tells more: it became more where that became
        less or stayed, or the other way round, or nothing is known of the change of that.
        """
        changes = self.changes
        there = {
            f
            for f in self.positive
            if all(_apart(changes, f, one) for one in self.positive if f in PARENTS.get(one, ()))
        }
        gone = {f for f, change in changes.items() if change is Change.RESOLVED and f in URGENCY}
        return sorted(there | {*most_particular(list(gone))}, key=URGENCY.index)


def _kin(finding: str) -> set[str]:
    """What a finding implies and what implies it."""
    return {*PARENTS.get(finding, ())} | {one for one, parents in PARENTS.items() if finding in parents}


def _apart(changes: Mapping[str, Change], general: str, particular: str) -> bool:
    """Whether a finding changed otherwise than one that implies it."""
    one, other = changes.get(general), changes.get(particular)
    if one is None or other is None:
        return one is not None
    return one in CHANGED and (other not in CHANGED or (one in _MORE) is not (other in _MORE))


def _agrees(row: Finding, change: Change) -> bool:
    if change not in _BEFORE_AND_NOW:  # absent: nothing is said of it
        return False
    before, now = _BEFORE_AND_NOW[change]
    return row.prior_state in before and row.state in now


def know(
    rows: Sequence[Finding], regions: Sequence[Region] = (), width: int = 1, kinds: Iterable[str] = (),
    quality: float | None = None,
) -> Known:  # fmt: skip
    """What is known of a study. regions : boxes on a frontal film of `width` pixels. kinds : devices of the signed prior."""
    known = Known({row.finding: row for row in rows}, sides_of(regions, width), frozenset(), quality)
    same = known.changes.get(DEVICES) is Change.UNCHANGED
    return Known(known.rows, known.sides, frozenset(kinds) if same else frozenset(), quality)


def sides_of(regions: Sequence[Region], width: int) -> dict[str, Side]:
    """Side of each finding whose change is seen on one, or on both; the left half of a film is the patient's right.

    Only regions of kind "change" count: what is called evidence lies too loosely.
    """
    seen: dict[str, set[Side | None]] = {}
    for region in regions:
        if region.kind == "change" and region.finding is not None:
            seen.setdefault(region.finding, set()).add(_side((region.x + region.w / 2) / width))
    both = {Side.LEFT, Side.RIGHT}
    joined = {finding: Side.BILATERAL if both <= sides else _only(sides) for finding, sides in seen.items()}
    return {finding: side for finding, side in joined.items() if side}


def _side(place: float) -> Side | None:
    if abs(place - 0.5) < _MIDDLE:
        return None
    return Side.RIGHT if place < 0.5 else Side.LEFT


def _only(sides: set[Side | None]) -> Side | None:
    return next(iter(sides)) if len(sides) == 1 else None
