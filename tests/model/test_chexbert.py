import pytest
import torch
from builders.chexbert import PIECES, SIZES, tiny_checkpoint, write_chexbert
from transformers import BertConfig, BertModel

from cxrreport.errors import WeightsError
from cxrreport.findings import FINDINGS, State
from cxrreport.model.chexbert import CheXbert


@pytest.fixture()
def checkpoint():
    return tiny_checkpoint()


@pytest.fixture()
def directory(tmp_path, checkpoint):
    return write_chexbert(tmp_path / "chexbert", checkpoint)


def _by_hand(checkpoint, ids):
    """States from the checkpoint itself: BERT with its pooling layer, one report alone, the heads as matrices."""
    bert = BertModel(BertConfig(vocab_size=len(PIECES), **SIZES)).eval()
    bert.load_state_dict(
        {k.removeprefix("module.bert."): v for k, v in checkpoint.items() if ".bert." in k}, strict=False
    )
    with torch.inference_mode():
        first = bert(torch.tensor([ids])).last_hidden_state[0, 0]
    rows = (
        (checkpoint[f"module.linear_heads.{i}.weight"], checkpoint[f"module.linear_heads.{i}.bias"]) for i in range(14)
    )
    return {f: tuple(State)[int((weight @ first + bias).argmax())] for f, (weight, bias) in zip(FINDINGS, rows)}


def test_labels_are_those_of_the_checkpoint_in_any_batch(directory, checkpoint):
    texts = ["No large\n effusions .", "Clear.", "", "effusion " * 40, "Unheard"]
    ids = [[2, 4, 5, 6, 7, 9, 3], [2, 8, 9, 3], [2, 3], [2, *[6] * 10, 3], [2, 1, 3]]
    expected = [_by_hand(checkpoint, row) for row in ids]
    assert len({tuple(row.values()) for row in expected}) > 1
    for batch_size in (1, 2, 32):
        assert CheXbert(directory, batch_size=batch_size).label(texts) == expected


def test_no_finding_is_blank_or_positive(directory):
    found = CheXbert(directory).label(["clear .", "no effusion", "large effusions", "."])
    assert len(found) == 4
    assert all(tuple(row) == FINDINGS and row["no finding"] in (State.BLANK, State.POSITIVE) for row in found)


def test_no_texts_no_labels(directory):
    assert CheXbert(directory).label([]) == []


def test_a_pickled_checkpoint_is_not_read_but_its_conversion_explained(directory):
    (directory / "model.safetensors").rename(directory / "chexbert.pth")
    with pytest.raises(WeightsError, match="save_file") as caught:
        CheXbert(directory)
    assert caught.value.code == "weights.missing" and str(directory) not in caught.value.message


def test_conversion_in_the_message_works(tmp_path, directory, checkpoint, monkeypatch):
    from cxrreport.model import chexbert

    work = tmp_path / "convert"
    work.mkdir()
    torch.save({"model_state_dict": checkpoint}, work / "chexbert.pth")
    monkeypatch.chdir(work)
    exec(chexbert._CONVERT.partition('"')[2].rpartition('"')[0])
    for name in ("vocab.txt", "config.json"):
        (work / name).write_bytes((directory / name).read_bytes())
    assert CheXbert(work).label(["no effusion"]) == CheXbert(directory).label(["no effusion"])


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("vocab.txt", b"no\nlarge\n", "weights.vocabulary"),
        ("vocab.txt", b"\xff\xfe", "weights.missing"),
        ("config.json", b"[1]", "weights.config"),
        ("config.json", b'{"hidden_size": 32, "num_attention_heads": 2}', "weights.shape"),
        ("model.safetensors", b"PK\x03\x04", "weights.shape"),
    ],
)
def test_what_does_not_fit_is_refused(directory, name, content, code):
    (directory / name).write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        CheXbert(directory)
    assert caught.value.code == code
