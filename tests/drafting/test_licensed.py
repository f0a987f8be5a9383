"""Whatever the decoder says, every claim of the text that is stored is licensed by the table."""

from builders.texts import WORDING, draft
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafting.known import know
from cxrreport.drafting.licences import check_comparisons
from cxrreport.drafting.text import final_text
from cxrreport.drafting.wording_file import combinations, said
from cxrreport.drafts import Finding, Region
from cxrreport.findings import FINDINGS, OTHER, PARENTS, Change, State
from cxrreport.reports.summaries import summaries
from cxrreport.reports.whole import is_whole

WORDS = (
    "no|the|a|small left|right|there is|pleural effusion|pneumothorax|edema|cardiomegaly|lungs are clear|new|increased|and|,"
    "|in the left lower lobe|consistent with|pneumonia|this is|unchanged|is|of|heart is normal|tip|8 mm|granuloma|fracture"
    "|may represent|atelectasis|picc line|no acute|abnormality|has resolved|worse than before|two|catheter"
)
FRAGMENTS = st.lists(st.sampled_from(WORDS.split("|")), min_size=1, max_size=9).map(lambda said: " ".join(said) + ".")
OURS = st.sampled_from(sorted({said(WORDING, told, key) for told in combinations(WORDING) for key in "ab"}))
TEXTS = st.lists(st.one_of(FRAGMENTS, OURS), min_size=1, max_size=8).map(" ".join)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(list(State)), st.sampled_from(list(State)), st.sampled_from([None, *Change]), st.booleans()
    ),
    min_size=14,
    max_size=14,
)


@settings(max_examples=250, deadline=None)
@given(TEXTS, ROWS, st.booleans())
def test_whatever_the_decoder_says_every_claim_is_licensed(text, drawn, on_left):
    rows = [Finding(f, now, 0.5, then, 0.5, change, 0.5) for f, (now, then, change, _) in zip(FINDINGS, drawn)]
    place = 800 if on_left else 100
    regions = [Region("change", place, 500, 90, 90, 0.9, f) for f, (*_, seen) in zip(FINDINGS, drawn) if seen]
    known = know(rows, regions, 1000)
    made, _ = final_text(draft(text), known, [], WORDING, "1")
    assert made
    now = {row.finding: row.state for row in rows}
    implied = {p for f, s in now.items() if s is State.POSITIVE for p in PARENTS.get(f, ())}
    for sentence in made:
        assert is_whole(made.of(sentence)), made.of(sentence)
        assert not sentence.measures
        for claim in sentence.claims:
            there = claim.state is not State.NEGATIVE  # "no large effusion", "no PICC" say less than the table
            assert claim.finding != OTHER and not (there and (claim.name or claim.degree)), made.of(sentence)
            if claim.state is State.POSITIVE:
                assert now[claim.finding] is State.POSITIVE or claim.finding in implied, made.of(sentence)
            else:
                assert now[claim.finding] is claim.state and claim.finding not in implied, made.of(sentence)
            assert claim.side is None or claim.state is State.NEGATIVE or known.sides[claim.finding] is claim.side
        for _, covered in summaries(made.string, sentence):
            assert all(now[finding] is State.NEGATIVE for finding in covered), made.of(sentence)
    assert all(true for _, true in check_comparisons(made, known.changes)), made.string
    denied = {c.finding for one in made for c in one.claims if c.state is State.NEGATIVE}
    there = {c.finding for one in made for c in one.claims if c.state is not State.NEGATIVE}
    assert not denied & {parent for finding in there for parent in PARENTS.get(finding, ())}, made.string
    assert all(len(states) == 1 for states in _states(made).values()), made.string  # no contradiction
    told = [finding for one in made for finding in {claim.finding for claim in one.claims}]
    assert len(told) == len({*told}) and {*known.spoken} <= {*told}, made.string  # all, and each once
    changed = {f for one in made if one.comparisons for f in {claim.finding for claim in one.claims}}
    assert {*told} & {*known.changes} <= changed, made.string  # with its change
    again, _ = final_text(draft(made.string), known, [], WORDING, "1")
    assert sorted(map(again.of, again)) == sorted(map(made.of, made))  # mending twice changes no sentence


def _states(text):
    states = {}
    for claim in (claim for sentence in text for claim in sentence.claims):
        states.setdefault(claim.finding, set()).add(claim.state)
    return states
