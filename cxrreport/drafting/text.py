"""From what the decoder says of a study to the text that is stored: every sentence licensed by the study's own table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from cxrreport.codes import Flag
from cxrreport.drafting.known import DEVICES, Known
from cxrreport.drafting.licences import refusals
from cxrreport.drafting.trims import shorter
from cxrreport.drafting.wording import Wording, finished
from cxrreport.findings import OTHER, THERE, URGENCY, Change, State, implied_by
from cxrreport.model.drafter import NetworkDraft
from cxrreport.model.prose import Prose
from cxrreport.reports.claims import Sentence, Text, read
from cxrreport.reports.sections import clean
from cxrreport.reports.summaries import summaries
from cxrreport.reports.whole import is_whole

# Denied where nothing else is left to say.
_PERTINENT = frozenset({"cardiomegaly", "lung opacity", "consolidation", "pneumothorax", "pleural effusion"})
_ORDERS = (1, 2, 3)  # of the n-grams by which texts are alike
Grams = Counter[tuple[str, ...]]


def final_text(
    draft: NetworkDraft, known: Known, references: Sequence[str], wording: Wording, key: str
) -> tuple[Text, tuple[str, ...]]:
    """The text to store and its flags; an empty one only where the network gave nothing usable.

    The decoder chooses what is spoken of, the table what may be said of it, and where the decoder's own words have no
    licence the site's stand for them. references : retrieved reports, the best first, by which a beam is chosen; nothing
    of them is said. key : chooses among the variants of the wording, the study's UID.
    """
    if not draft.valid:
        return read(""), ()
    chosen = choose(draft, () if draft.compared else references)
    said = read(chosen.text)
    kept = _Kept(known)
    for sentence in said:
        kept.take(said, sentence)
    added = _Added(known, wording, key, kept.told)
    named, devices = added.findings(), added.devices()
    body = [*named, *kept.body, *added.doubts(said), *added.denials(said)]
    sentences = [*sorted(body, key=_rank), *kept.devices, *devices] or added.nothing()
    ours = (Flag.FINDING_NAMED,) if named or devices else ()
    return read(" ".join(sentences)), tuple(dict.fromkeys((*chosen.flags, *sorted(kept.flags), *ours)))


def _rank(said: str) -> int:
    """What is there and what has changed comes before what may be there, and that before what is absent."""
    text = read(said)
    states = {*text.states.values()}
    if State.POSITIVE in states or any(sentence.comparisons for sentence in text):
        return 0
    return 1 if State.UNCERTAIN in states else 2


# -- what is kept of the decoder's text -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Kept:
    """Sentences that were kept so far, and the findings of which they tell."""

    known: Known
    body: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)

    def take(self, text: Text, sentence: Sentence) -> None:
        """Keep a sentence, what is left of it, or nothing."""
        left, flags = self._licensed(text, sentence)
        if left and self._told_better(left):
            left, flags = "", flags | {Flag.REPEATED_SENTENCE}
        self.flags |= flags
        if left:
            claimed = {claim.finding for claim in read(left).sentences[0].claims}
            (self.devices if claimed == {DEVICES} else self.body).append(left)
            self.told |= {*_tells(left)}

    def _licensed(self, text: Text, sentence: Sentence) -> tuple[str, set[Flag]]:
        """The sentence, what is left of it or "", and why it could not stay as it was."""
        said = text.of(sentence)
        if not is_whole(said):
            return "", {Flag.SENTENCE_BROKEN}
        refused = refusals(text, sentence, self.known)
        return (said, refused) if not refused else (self._shorter(said), refused)

    def _shorter(self, said: str) -> str:
        for text in shorter(said, self.known):
            whole = len(text.sentences) == 1 and is_whole(text.string)
            if whole and not refusals(text, text.sentences[0], self.known):
                return text.string
        return ""

    def _told_better(self, said: str) -> bool:
        """Whether another sentence tells a finding of it: told before, with its change, or under a more particular name."""
        claims = [claim for claim in read(said).sentences[0].claims if claim.finding != OTHER]
        unsaid = {claim.finding for claim in claims if claim.change is None} & {*self.known.changes}
        there = {claim.finding for claim in claims if claim.state is State.POSITIVE}
        general = there - {*self.known.spoken} - implied_by(there)
        return bool(self.told & {*_tells(said)} or unsaid or general)


def _tells(said: str) -> Iterator[str]:
    """Findings of which a sentence tells, one by one or summed up."""
    (sentence,) = read(said)
    yield from (claim.finding for claim in sentence.claims if claim.finding != OTHER)
    yield from (finding for _, covered in summaries(said, sentence) for finding in covered)


# -- what is told in the wording of the site --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Added:
    """Sentences of the wording for what the table holds and the kept sentences, which tell of `told`, do not."""

    known: Known
    wording: Wording
    key: str
    told: Set[str]

    def findings(self) -> list[str]:
        """What is there or has resolved, by urgency, devices apart."""
        return [self._told(finding) for finding in self.known.spoken if finding not in {*self.told, DEVICES}]

    def _told(self, finding: str) -> str:
        change = self.known.changes.get(finding)
        state = State.NEGATIVE if change is Change.RESOLVED else State.POSITIVE
        return self.wording.sentence(finding, state, self.key, self.known.sides.get(finding), change)

    def devices(self) -> list[str]:
        """Devices, by kind where the kinds are known."""
        if DEVICES in self.told or DEVICES not in self.known.spoken:
            return []
        kinds = [kind for kind in self.wording.kinds if kind in self.known.kinds]
        return [self.wording.device(kind, self.key, Change.UNCHANGED) for kind in kinds] or [self._told(DEVICES)]

    def doubts(self, said: Text) -> list[str]:
        """Uncertain findings that the decoder asserts or doubts, or that are likely; devices are no matter of doubt."""
        named = {f for f, state in said.states.items() if state in THERE}
        found = self.known.doubts(named, {*self.told, DEVICES})
        return [self.wording.sentence(finding, State.UNCERTAIN, self.key) for finding in found]

    def denials(self, said: Text) -> list[str]:
        """Absent findings that the decoder denies in sentences that went."""
        denied = {f for f, state in said.states.items() if state is State.NEGATIVE}
        return self._denied((denied & self.known.absent) - {*self.told, *self.known.changes})

    def nothing(self) -> list[str]:
        """What is absent of what every report tells; else that there is nothing to tell."""
        return self._denied(self.known.absent & _PERTINENT) or [finished(self.wording.nothing)]

    def _denied(self, findings: set[str]) -> list[str]:
        """Those with a sentence of their own ("The heart is normal in size.") apart, the others in one list."""
        ordered = _urgent_first(list(findings))
        alone = [f for f in ordered if self.wording.findings[f].negative]
        rest = [f for f in ordered if f not in alone]
        sentences = [self.wording.sentence(finding, State.NEGATIVE, self.key) for finding in reversed(alone)]
        return [*sentences, *([self.wording.none(rest, self.key)] if rest else [])]


def _urgent_first(findings: Sequence[str]) -> list[str]:
    return sorted(findings, key=URGENCY.index)


# -- which of the beams -----------------------------------------------------------------------------------------------


def choose(draft: NetworkDraft, references: Sequence[str]) -> Prose:
    """The beam that is most like the retrieved reports, with its flags; the likeliest where there are none.

    The likeliest text of a small decoder is a training report that it knows by heart. Choosing by the expected agreement
    with other texts is minimum Bayes risk decoding (Kumar and Byrne, NAACL 2004); the retrieved reports stand for the
    report that is not known. A text that the length limit has cut is chosen only where all were cut.
    """
    said = [Prose(draft.text, draft.flags, runaway=False), *draft.others]
    whole = [prose for prose in said if Flag.HIT_MAX_LENGTH not in prose.flags]
    known = [_grams(reference) for reference in references]
    return max(whole or said, key=lambda prose: _agreement(_grams(prose.text), known))  # the first of equals


def _grams(text: str) -> list[Grams]:
    """Counts of the word n-grams of each order."""
    words = clean(text).split()
    return [Counter(zip(*(words[i:] for i in range(order)), strict=False)) for order in _ORDERS]


def _agreement(said: list[Grams], known: Sequence[list[Grams]]) -> float:
    """Sum over references and orders of Dice's coefficient of the n-grams."""
    return sum(_dice(a, b) for reference in known for a, b in zip(said, reference, strict=True))


def _dice(a: Grams, b: Grams) -> float:
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0
