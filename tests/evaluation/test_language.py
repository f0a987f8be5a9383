import json

import pytest
from builders.data import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.evaluation import language
from cxrreport.evaluation.scoring import distinct

PREDICTIONS = DATA / "iu-predictions"


MODEL, TEMPLATE = "qwen_dino_sft_rag_top20_number_cw1_lr5e5_infer_beam1", "manual_template_target_b4rouge"
PUBLISHED = {  # predictions, references, scores: everything that the folder holds
    "model": (f"{MODEL}/test_preds.json", f"{MODEL}/test_refs.json", f"{MODEL}/test_metrics.json"),
    "template test": (
        f"{TEMPLATE}/result/test_result.json",
        f"{TEMPLATE}/result/test_refs.json",
        f"{TEMPLATE}/test_summary.json",
    ),
    "template val": (
        f"{TEMPLATE}/result/val_result.json",
        f"{TEMPLATE}/result/val_refs.json",
        f"{TEMPLATE}/val_summary.json",
    ),
}
NAMES = {"Bleu_1": "bleu_1", "Bleu_2": "bleu_2", "Bleu_3": "bleu_3", "Bleu_4": "bleu_4", "ROUGE_L": "rouge_l"}
NAMES |= {"CIDEr": "cider"}


def _published(name):
    paths = [PREDICTIONS / path for path in PUBLISHED[name]]
    if not all(path.is_file() for path in paths):
        pytest.skip("the published predictions are not here")
    hypotheses, references, scores = (json.loads(path.read_text()) for path in paths)
    assert all(len(group) == 1 for group in references.values())
    return [hypotheses[key][0] for key in references], [said for (said,) in references.values()], scores


@pytest.mark.parametrize("name", PUBLISHED)
def test_reproduces_the_published_scores(name):
    hypotheses, references, published = _published(name)
    scores = language.score(hypotheses, references)
    for theirs, ours in NAMES.items():
        assert scores[ours] == pytest.approx(published[theirs], abs=1e-6), theirs
    assert scores["bleu_4"] + scores["rouge_l"] == pytest.approx(published["B4_Rouge"], abs=5e-3)
    assert distinct(hypotheses) == published["unique_outputs"]


def test_the_published_scores_are_those_of_the_papers_table():
    hypotheses, references, _ = _published("model")
    scores = language.score(hypotheses, references)
    assert [round(scores[ours], 4) for ours in NAMES.values()] == [0.4004, 0.2447, 0.1586, 0.1060, 0.3212, 0.1644]


WORDS = st.lists(st.sampled_from(["the", "heart", "is", "normal", "no", "effusion", "."]), min_size=1, max_size=12).map(
    " ".join
)
CORPUS = st.lists(st.tuples(WORDS, WORDS), min_size=2, max_size=6)


@given(CORPUS)
@settings(max_examples=40, deadline=None)
def test_agrees_with_pycocoevalcap(corpus):
    pytest.importorskip("pycocoevalcap.bleu.bleu_scorer")
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    hypotheses, references = zip(*corpus, strict=True)
    gts, res = ({i: [text] for i, text in enumerate(texts)} for texts in (references, hypotheses))
    scorer = BleuScorer(n=4)
    for hypothesis, reference in corpus:
        scorer += (hypothesis, [reference])
    found = language.score(hypotheses, references)
    assert [found[f"bleu_{n}"] for n in range(1, 5)] == pytest.approx(
        scorer.compute_score(option="closest")[0], abs=1e-9
    )
    assert found["rouge_l"] == pytest.approx(Rouge().compute_score(gts, res)[0])
    assert found["cider"] == pytest.approx(Cider().compute_score(gts, res)[0], abs=1e-9)


def test_perfect_and_hopeless_drafts():
    texts = ["the heart is normal in size", "no pleural effusion or pneumothorax"]
    best = language.score(texts, texts)
    assert [best[name] for name in ("bleu_4", "rouge_l", "cider")] == pytest.approx([1, 1, 10])
    assert max(language.score(["x y z w v", ""], texts).values()) < 1e-3
    assert max(language.score(["", ""], texts).values()) == 0


@pytest.mark.parametrize("hypotheses", [[], ["a"]])
def test_mismatched_corpora_are_refused(hypotheses):
    with pytest.raises(ValueError):
        language.score(hypotheses, [])
