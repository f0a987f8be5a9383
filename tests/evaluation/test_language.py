import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.evaluation import language

PREDICTIONS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "iu-predictions"


def _published(predictions):
    folder = PREDICTIONS / predictions
    if not folder.is_file():
        pytest.skip("the published predictions are not here")
    hypotheses = json.loads(folder.read_text())
    refs = next(path for path in sorted(folder.parent.glob("test_refs.json")))
    references = json.loads(refs.read_text())
    return [hypotheses[key][0] for key in references], list(references.values())


def _rounded(scores):
    return [round(scores[name], 4) for name in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider")]


def test_reproduces_a_published_model():
    scores = language.score(*_published("qwen_dino_sft_rag_top20_number_cw1_lr5e5_infer_beam1/test_preds.json"))
    assert _rounded(scores) == [0.4004, 0.2447, 0.1586, 0.1060, 0.3212, 0.1644]


def test_reproduces_the_published_constant_report():
    scores = language.score(*_published("manual_template_target_b4rouge/result/test_result.json"))
    assert _rounded(scores) == [0.4926, 0.3451, 0.2480, 0.1824, 0.4001, 0.2982]


WORDS = st.lists(st.sampled_from(["the", "heart", "is", "normal", "no", "effusion", "."]), min_size=1, max_size=12).map(
    " ".join
)
CORPUS = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), min_size=2, max_size=6)


@given(CORPUS)
@settings(max_examples=40, deadline=None)
def test_agrees_with_pycocoevalcap(corpus):
    pytest.importorskip("pycocoevalcap.bleu.bleu_scorer")
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    hypotheses, references = [h for h, _ in corpus], [group for _, group in corpus]
    gts, res = dict(enumerate(references)), {i: [h] for i, h in enumerate(hypotheses)}
    scorer = BleuScorer(n=4)
    for hypothesis, group in corpus:
        scorer += (hypothesis, group)
    assert language.bleu(hypotheses, references) == pytest.approx(scorer.compute_score(option="closest")[0], abs=1e-9)
    assert language.rouge_l(hypotheses, references) == pytest.approx(Rouge().compute_score(gts, res)[0])
    assert language.cider(hypotheses, references) == pytest.approx(Cider().compute_score(gts, res)[0], abs=1e-9)


def test_perfect_and_hopeless_drafts():
    texts = ["the heart is normal in size", "no pleural effusion or pneumothorax"]
    best = language.score(texts, [[text] for text in texts])
    assert (
        best["bleu_4"] == pytest.approx(1)
        and best["rouge_l"] == pytest.approx(1)
        and best["cider"] == pytest.approx(10)
    )
    worst = language.score(["x y z w v", ""], [[text] for text in texts])
    assert max(worst.values()) < 1e-3
    assert max(language.score(["", ""], [[text] for text in texts]).values()) == 0


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], []), (["a"], [[]])])
def test_mismatched_corpora_are_refused(hypotheses, references):
    with pytest.raises(ValueError):
        language.score(hypotheses, references)
