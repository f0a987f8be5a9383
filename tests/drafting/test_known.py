"""What is known of a study: sides, changes that the states bear out, and which findings a draft tells."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafting.known import know, sides_of
from cxrreport.drafts import Finding, Region
from cxrreport.findings import FINDINGS, PARENTS, Change, State
from cxrreport.reports.qualifiers import Side

WIDTH = 1000
EFFUSION = "pleural effusion"


def box(x, w=100, kind="change", finding=EFFUSION):
    return Region(kind, x, 500, w, 100, 0.9, finding)


@pytest.mark.parametrize(
    ("regions", "side"),
    [
        ([box(100)], Side.RIGHT),  # the left half of the image is the right side of the patient
        ([box(800)], Side.LEFT),
        ([box(100), box(800)], Side.BILATERAL),
        ([box(460)], None),  # in the middle
        ([box(460), box(100)], None),
        ([box(100, kind="evidence")], None),
        ([box(100, finding="atelectasis")], None),
        ([], None),
    ],
)
def test_a_side_is_that_of_the_regions_of_change(regions, side):
    assert sides_of(regions, WIDTH).get(EFFUSION) is side


def rows(now, before, change, finding=EFFUSION):
    return [
        Finding(f, State.NEGATIVE, 0.1) if f != finding else Finding(f, now, 0.5, before, 0.5, change) for f in FINDINGS
    ]


P, N, U, B = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN, State.BLANK


@pytest.mark.parametrize(
    ("now", "before", "change", "holds"),
    [
        (P, N, Change.NEW, True), (P, B, Change.NEW, True), (P, P, Change.NEW, False), (P, U, Change.NEW, False),
        (P, P, Change.UNCHANGED, True), (P, N, Change.UNCHANGED, False), (N, N, Change.UNCHANGED, False),
        (P, P, Change.WORSENED, True), (P, N, Change.WORSENED, False), (U, P, Change.IMPROVED, False),
        (P, P, Change.IMPROVED, True), (N, P, Change.RESOLVED, True), (U, P, Change.RESOLVED, False),
        (N, N, Change.RESOLVED, False), (N, N, Change.ABSENT, False),
    ],
)  # fmt: skip
def test_a_change_is_known_where_the_states_before_and_now_bear_it_out(now, before, change, holds):
    assert (know(rows(now, before, change)).changes.get(EFFUSION) is change) == holds


def pair(**told):
    """Known of a study in which these findings have these changes; None: there, and nothing known of its change."""
    named = {finding.replace("_", " "): change for finding, change in told.items()}
    found = []
    for finding in FINDINGS:
        change = named.get(finding)
        now = P if finding in named and change is not Change.RESOLVED else N
        before = N if finding not in named or change is Change.NEW else P
        found.append(Finding(finding, now, 0.5, before, 0.5, change))
    return know(found)


NEW, MORE, SAME, LESS, GONE = Change.NEW, Change.WORSENED, Change.UNCHANGED, Change.IMPROVED, Change.RESOLVED


@pytest.mark.parametrize(
    ("opacity", "atelectasis", "told"),
    [
        (None, None, ["atelectasis"]),
        (SAME, SAME, ["atelectasis"]),
        (MORE, NEW, ["atelectasis"]),  # in one direction
        (SAME, LESS, ["atelectasis"]),
        (None, MORE, ["atelectasis"]),
        (MORE, SAME, ["lung opacity", "atelectasis"]),  # something else than the atelectasis has worsened
        (MORE, LESS, ["lung opacity", "atelectasis"]),
        (LESS, NEW, ["lung opacity", "atelectasis"]),
        (MORE, None, ["lung opacity", "atelectasis"]),
        (SAME, None, ["lung opacity", "atelectasis"]),
        (LESS, GONE, ["lung opacity", "atelectasis"]),  # what has resolved implies nothing now
        (GONE, GONE, ["atelectasis"]),
        (GONE, SAME, ["atelectasis"]),  # it is implied now
        (NEW, SAME, ["atelectasis"]),  # it was implied before
    ],
)
def test_a_more_general_finding_is_told_only_where_it_tells_more(opacity, atelectasis, told):
    assert pair(lung_opacity=opacity, atelectasis=atelectasis).spoken == told


def doubtful(**probabilities):
    named = {finding.replace("_", " "): p for finding, p in probabilities.items()}
    return know([Finding(f, U if f in named else N, named.get(f, 0.1)) for f in FINDINGS])


@pytest.mark.parametrize(
    ("opacity", "lesion", "named", "told", "doubts"),
    [
        (0.45, 0.3, {"lung lesion"}, (), ["lung opacity"]),  # the likelier name, though the decoder has the other
        (0.35, 0.3, {"lung lesion"}, (), ["lung opacity"]),
        (0.3, 0.3, {"lung lesion"}, (), ["lung lesion"]),  # as likely, and more particular
        (0.35, 0.3, (), (), []),
        (0.45, 0.42, (), (), ["lung opacity"]),
        (0.25, 0.2, {"lung lesion"}, (), []),
        (0.45, 0.3, {"lung lesion"}, {"lung lesion"}, []),  # told in the decoder's own words
    ],
)
def test_a_doubt_has_its_likeliest_name(opacity, lesion, named, told, doubts):
    assert doubtful(lung_opacity=opacity, lung_lesion=lesion).doubts({*named}, {*told}) == doubts


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(*[st.sampled_from(list(State))] * 2, st.sampled_from([None, *Change])), min_size=14, max_size=14)
)
def test_all_that_is_there_is_told_or_implied_and_no_change_contradicts_another(drawn):
    known = know(
        [Finding(f, now, 0.5, then, 0.5, change) for f, (now, then, change) in zip(FINDINGS, drawn, strict=True)]
    )
    assert known.positive <= {*known.spoken} | {parent for one in known.spoken for parent in PARENTS.get(one, ())}
    assert {*known.spoken} <= known.positive | known.absent
    for finding in known.positive:
        for parent in PARENTS.get(finding, ()):
            assert known.changes.get(parent) is not GONE
            assert known.changes.get(parent) is not NEW or known.rows[finding].prior_state is not P
