import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.model.config import BLANK, POSITIVE, UNCERTAIN, tiny
from cxrreport.model.heads import ClassificationHead, ContrastiveHeads, ContrastiveQueue, decide_states, select


def test_selection_weighs_by_match():
    query = torch.zeros(1, 4)
    query[0, 0] = 2.0
    tokens = torch.zeros(1, 3, 4)
    tokens[0, 1, 0] = 30.0
    weights, chosen = select(query, tokens, torch.ones(1, 3, dtype=torch.bool))
    assert weights[0].tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    assert torch.allclose(chosen, tokens[:, 1])


def test_selection_shares_sum_to_one_over_the_reports_there_are():
    mask = torch.tensor([[True, True, False], [False, False, False]])
    weights, chosen = select(torch.randn(2, 4), torch.randn(2, 3, 4), mask)
    assert weights.sum(1).tolist() == pytest.approx([1, 0])
    assert (weights[~mask] == 0).all() and (chosen[1] == 0).all()


def test_classifier_reads_image_and_reports():
    head = ClassificationHead(tiny(50))
    pooled, selected = torch.randn(2, 16), torch.randn(2, 32)
    logits = head(pooled, selected)
    assert logits.shape == (2, 4, 14)
    assert not torch.equal(logits, head(pooled, selected + 1)) and not torch.equal(logits, head(pooled + 1, selected))


def test_states_are_the_likeliest_without_thresholds():
    logits = torch.zeros(4, 4, 14)
    for state in range(4):
        logits[state, state] = 2.0
    index, positive = decide_states(logits, None)
    assert index[:, :-1].tolist() == [[i] * 13 for i in range(4)]
    assert torch.allclose(positive[:, :-1], logits.softmax(1)[:, POSITIVE, :-1])


def test_thresholds_call_positives_early_and_late():
    """p(positive) is .3 (blank .7) for the even findings, .6 (negative .4) for the odd ones."""
    probabilities = torch.full((1, 4, 14), 1e-9)
    probabilities[:, POSITIVE, 0::2], probabilities[:, 0, 0::2] = 0.3, 0.7
    probabilities[:, POSITIVE, 1::2], probabilities[:, 2, 1::2] = 0.6, 0.4
    index, positive = decide_states(probabilities.log(), [0.25] * 7 + [0.65] * 7)
    assert index[0].tolist() == [1] * 7 + [2, 0, 2, 0, 2, 0, 0]
    stretched = [0.5 + 0.5 * 0.05 / 0.75, 0.5 + 0.5 * 0.35 / 0.75]
    assert positive[0, :2].tolist() == pytest.approx(stretched, rel=1e-4)
    assert positive[0, 7].item() == pytest.approx(0.5 * 0.6 / 0.65, rel=1e-4)


@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
@settings(max_examples=40, deadline=None)
def test_positive_means_half_or_more_and_order_is_kept(seed, threshold):
    logits = torch.randn(6, 4, 14, generator=torch.Generator().manual_seed(seed))
    raw = logits.softmax(1)[:, POSITIVE]
    index, positive = decide_states(logits, [threshold] * 14)
    assert torch.equal(index == POSITIVE, positive >= 0.5)
    assert (
        torch.equal(positive[:, :-1].argsort(0), raw[:, :-1].argsort(0)) and ((positive >= 0) & (positive <= 1)).all()
    )


def test_no_finding_follows_the_others():
    """Positive beside devices and beside nothing, whatever its own logits say; blank beside what is or may be there."""
    logits = torch.zeros(5, 4, 14)
    logits[:, 0] = 2  # blank
    logits[:3, POSITIVE, -1] = 9
    logits[1, POSITIVE, 12] = 9  # support devices
    logits[2, POSITIVE, 4] = 9  # edema
    logits[3, 2, -1] = 9  # negative
    logits[4, UNCERTAIN, 4] = 9  # perhaps edema
    index, positive = decide_states(logits, None)
    assert index[:, -1].tolist() == [POSITIVE, POSITIVE, BLANK, POSITIVE, BLANK]
    assert torch.equal(positive[:, -1] >= 0.5, index[:, -1] == POSITIVE)
    assert positive[0, -1] > positive[3, -1] and positive[2, -1] > positive[4, -1]  # its own probability ranks within


def test_a_threshold_is_reached_from_below():
    logits = torch.zeros(1, 4, 14)  # p = .25 everywhere
    assert (decide_states(logits, [0.25] * 14)[0][:, :-1] == POSITIVE).all()
    assert (decide_states(logits, [0.26] * 14)[0][:, :-1] != POSITIVE).all()


def test_contrastive_loss_stops_at_the_report_and_meets_the_queue_in_training_alone():
    torch.manual_seed(0)
    heads, report = ContrastiveHeads(tiny(50)), torch.randn(3, 16, requires_grad=True)
    batch = (torch.randn(3, 32), torch.randn(3, 32), report, torch.rand(3, 14) > 0.5)
    first, second = heads(*batch), heads(*batch)
    heads.eval()
    after = heads(*batch)
    assert torch.equal(first, after) and abs(second - first) > 1e-3
    assert torch.allclose(heads.queue.anchors.norm(dim=-1), torch.ones(6), atol=1e-5)
    (first + second).backward()
    assert report.grad is None and heads.negative[0].weight.grad.isfinite().all()


def test_queue_is_first_in_first_out_and_detached():
    queue = ContrastiveQueue(8, length=5)
    assert [len(part) for part in queue.contents()] == [0, 0, 0]
    for batch in range(4):
        anchors = torch.full((2, 8), float(batch), requires_grad=True)
        queue.push(anchors, anchors + 10, torch.full((2, 14), batch == 3))
    found = queue.contents()
    assert found.anchors[:, 0].tolist() == [3, 3, 2, 2, 1] and found.reports[:, 0].tolist() == [13, 13, 12, 12, 11]
    assert found.positives[:, 0].tolist() == [True, True, False, False, False]
    assert not found.anchors.requires_grad and not found.reports.requires_grad
