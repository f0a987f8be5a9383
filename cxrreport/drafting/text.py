"""From what the decoder says of a study to the text that is stored: every sentence licensed by the study's own table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cxrreport.codes import Flag
from cxrreport.drafting.licences import DEVICES, Known, is_dependent, named, refusals
from cxrreport.drafting.trims import shorter
from cxrreport.drafting.wording import Wording
from cxrreport.findings import OTHER, PARENTS, URGENCY, Change, State, most_particular
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
    added = _Added(known, wording, key)
    named_ones = added.positives(kept.told)
    gone = added.resolved(kept.told)
    told: dict[str, Change | None] = {**kept.told, **known.changes}
    body = [
        *named_ones,
        *kept.body,
        *gone,
        *added.doubts(said, kept.told),
        *added.denials(said, told),
    ]
    devices = [*kept.devices, *added.devices(kept.told)]
    sentences = [*body, *devices] or added.nothing()
    flags = (
        *chosen.flags,
        *sorted(kept.flags),
        *((Flag.FINDING_NAMED,) if named_ones or gone or added.named_device else ()),
    )
    return read(" ".join(sentences)), tuple(dict.fromkeys(flags))


# -- what is kept of the decoder's text -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Kept:
    """Sentences that were kept so far; a sentence that speaks of the one before goes where that one went."""

    known: Known
    body: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    told: dict[str, Change | None] = field(default_factory=dict)  # findings, with the change that was said
    subject: set[str] = field(default_factory=set)  # findings that the sentence before names; none where it went
    into: list[str] = field(default_factory=list)  # where that one stands

    def take(self, text: Text, sentence: Sentence) -> None:
        """Keep a sentence, what is left of it, or nothing."""
        dependent = is_dependent(text, sentence)
        subject = self.subject if dependent else set()
        left, flags = self._licensed(text, sentence, subject)
        if left and self._repeats(left, subject):
            left, flags = "", flags | {Flag.REPEATED_SENTENCE}
        self.flags |= flags
        self._put(left, dependent)

    def _licensed(self, text: Text, sentence: Sentence, subject: set[str]) -> tuple[str, set[Flag]]:
        """The sentence, what is left of it or "", and why it could not stay as it was."""
        said = text.of(sentence)
        if not is_whole(said):
            return "", {Flag.SENTENCE_BROKEN}
        refused = refusals(text, sentence, self.known, subject)
        return (said, refused) if not refused else (self._shorter(said, subject), refused)

    def _shorter(self, said: str, subject: set[str]) -> str:
        for text in shorter(said, self.known):
            whole = len(text.sentences) == 1 and is_whole(text.string)
            if whole and not refusals(text, text.sentences[0], self.known, subject):
                return text.string
        return ""

    def _repeats(self, said: str, subject: set[str]) -> bool:
        """Whether it tells a finding again, and no change of it that has not been told."""
        text = read(said)
        told = _tells(text, text.sentences[0], subject)
        return any(
            finding in self.told and (change is None or self.told[finding] is not None)
            for finding, change in told.items()
        )

    def _put(self, said: str, dependent: bool) -> None:
        if not said:
            self.subject = set()
            return
        text = read(said)
        sentence = text.sentences[0]
        told = _tells(text, sentence, self.subject if dependent else set())
        if own := named(text, sentence):
            self.subject, self.into = own, self.devices if own == {DEVICES} else self.body
        elif not dependent:
            self.subject, self.into = set(), self.body
        self.into.append(said)
        self.told |= told


def _tells(text: Text, sentence: Sentence, subject: set[str]) -> dict[str, Change | None]:
    """Findings of which a sentence tells, with what it says of their change."""
    told = {claim.finding: claim.change for claim in sentence.claims if claim.finding != OTHER}
    told |= {f: None for _, covered in summaries(text.string, sentence) for f in covered if f not in told}
    if not told:
        change = next((word.meaning.change for word in sentence.changes), None)
        told = dict.fromkeys(subject, change)
    return told


# -- what is told in the wording of the site --------------------------------------------------------------------------


@dataclass(slots=True)
class _Added:
    """Sentences of the wording for what the table holds and the kept sentences do not tell."""

    known: Known
    wording: Wording
    key: str
    named_device: bool = False

    def positives(self, told: dict[str, Change | None]) -> list[str]:
        """Positive findings that were not told, nor anything that implies them, by urgency."""
        missing = self.known.positive - {*told} - {DEVICES}
        implied = {p for f in told if self.known.states[f] is State.POSITIVE for p in PARENTS.get(f, ())}
        return [self._told(finding) for finding in _urgent_first(most_particular(list(missing - implied)))]

    def resolved(self, told: dict[str, Change | None]) -> list[str]:
        """Findings that have resolved of which nothing was told."""
        found = {f for f, change in self.known.changes.items() if change is Change.RESOLVED and f in URGENCY}
        gone = _urgent_first(list(found & self.known.absent - {*told}))
        return [self.wording.sentence(f, State.NEGATIVE, self.key, change=Change.RESOLVED) for f in gone]

    def _told(self, finding: str) -> str:
        change = self.known.changes.get(finding)
        return self.wording.sentence(finding, State.POSITIVE, self.key, self.known.sides.get(finding), change)

    def devices(self, told: dict[str, Change | None]) -> Iterator[str]:
        """Devices, by kind where the kinds are known."""
        if DEVICES not in self.known.positive or DEVICES in told:
            return
        self.named_device = True
        kinds = [kind for kind in self.wording.kinds if kind in self.known.kinds]
        yield from (self.wording.device(kind, self.key, Change.UNCHANGED) for kind in kinds)
        if not kinds:
            yield self._told(DEVICES)

    def doubts(self, said: Text, told: dict[str, Change | None]) -> list[str]:
        """Uncertain findings that the decoder asserts or doubts."""
        spoken = {f for f, state in said.states.items() if state in (State.POSITIVE, State.UNCERTAIN)}
        uncertain = (spoken - {*told, DEVICES}) & self.known.doubtful
        found = _urgent_first(most_particular(list(uncertain)))
        return [self.wording.sentence(finding, State.UNCERTAIN, self.key) for finding in found]

    def denials(self, said: Text, told: dict[str, Change | None]) -> list[str]:
        """Absent findings that the decoder denies in sentences that went."""
        denied = {f for f, state in said.states.items() if state is State.NEGATIVE}
        return self._denied((denied & self.known.absent) - {*told})

    def nothing(self) -> list[str]:
        """What is absent of what every report tells; else that there is nothing to tell."""
        return self._denied(self.known.absent & _PERTINENT) or [self.wording.nothing]

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
