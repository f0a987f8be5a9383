"""Drafts of the network, tables to license them by, and what is stored of both."""

from cxrreport.drafting.known import know
from cxrreport.drafting.text import final_text
from cxrreport.drafting.wording_file import default_wording
from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS, State
from cxrreport.model.drafter import NetworkDraft, StudyStates
from cxrreport.model.prose import Prose

STATES = StudyStates((), (), (), True)
WORDING = default_wording()


def table(*positive, uncertain=(), changes=None, before=()):
    """Known of a study in which all else is absent; before: what the prior had."""
    rows = []
    for finding in FINDINGS:
        state = State.POSITIVE if finding in positive else State.UNCERTAIN if finding in uncertain else State.NEGATIVE
        prior = State.POSITIVE if finding in before else State.NEGATIVE
        likely = 0.35 if state is State.UNCERTAIN else 0.5  # enough for a doubt where the decoder names it
        rows.append(Finding(finding, state, likely, prior, 0.5, (changes or {}).get(finding), 0.5))
    return rows


def draft(text, *others, valid=True, flags=()):
    """What the network says of a study; others: what else it would have said."""
    return NetworkDraft(text, STATES, flags, valid, tuple(Prose(other, (), False) for other in others))


def stored(made, rows, references=(), regions=()):
    """Text and flags of a draft."""
    text, flags = final_text(made, know(rows, regions, 1000), references, WORDING, "1.2.3")
    return text.string, {*map(str, flags)}
