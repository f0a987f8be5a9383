import copy

import pytest
import torch
from builders.network import VOCABULARY
from safetensors.torch import save_file, save_model
from transformers import BertConfig, BertForMaskedLM

from cxrreport.errors import WeightsError
from cxrreport.model.bert import bert_sha256, load_bert, read_vocabulary
from cxrreport.model.config import PROMPT_TOKENS, tiny
from cxrreport.model.diffrgennet import DiffRGenNet

PIECES = [piece for piece in VOCABULARY if piece not in PROMPT_TOKENS]
WORDS = "embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def masked():
    """A BERT one layer deeper than the tiny network, of its width, without the prompt tokens."""
    torch.manual_seed(5)
    return BertForMaskedLM(BertConfig(**{**tiny(len(PIECES)).decoder, "num_hidden_layers": 3})).eval()


def _write(directory, tensors, pieces=PIECES):
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, directory / "model.safetensors")
    (directory / "vocab.txt").write_text("\n".join(pieces) + "\n")
    return directory


@pytest.fixture()
def directory(masked, tmp_path):
    state = {key: value for key, value in masked.state_dict().items() if key != "cls.predictions.decoder.weight"}
    return _write(tmp_path, state)


SIZE = len(PIECES) + len(PROMPT_TOKENS)


def _network(size=SIZE):
    torch.manual_seed(0)
    return DiffRGenNet(tiny(size)).eval()


def test_vocabulary_is_berts_and_the_prompt_tokens(directory):
    assert read_vocabulary(directory) == [*PIECES, *PROMPT_TOKENS]


@torch.no_grad()
def test_both_towers_compute_what_bert_computes(directory, masked):
    network = _network()
    load_bert(network, directory)
    ids = torch.randint(5, len(PIECES), (2, 9), generator=torch.Generator().manual_seed(0))
    bert = copy.deepcopy(masked.bert)
    del bert.encoder.layer[2:]  # the network takes the first layers
    expected = bert(input_ids=ids).last_hidden_state
    assert torch.allclose(network.retrieval.text(input_ids=ids).last_hidden_state, expected, atol=1e-5)
    head = network.decoder.lm.cls(expected)
    assert torch.allclose(head[..., : len(PIECES)], masked.cls(expected), atol=1e-4)
    own, theirs = network.decoder.lm.bert.state_dict(), bert.state_dict()
    assert all(torch.equal(own[key], value) for key, value in theirs.items() if key != WORDS)


def test_prompt_tokens_and_cross_attention_stay_as_drawn(directory):
    network, drawn = _network(), _network().state_dict()
    load_bert(network, directory)
    found = network.state_dict()
    assert torch.equal(
        found[f"decoder.lm.bert.{WORDS}"][len(PIECES) :], drawn[f"decoder.lm.bert.{WORDS}"][len(PIECES) :]
    )
    crossing = [key for key in found if ".crossattention." in key]
    assert crossing and all(torch.equal(found[key], drawn[key]) for key in crossing)
    lm = network.decoder.lm
    assert lm.cls.predictions.decoder.weight is lm.bert.embeddings.word_embeddings.weight


def test_rows_follow_the_networks_own_vocabulary(directory, masked):
    chosen = [*PIECES[:5], "lungs", "heart", "xyzzy", *PROMPT_TOKENS]
    network = _network(len(chosen))
    drawn = network.retrieval.text.state_dict()[WORDS].clone()
    load_bert(network, directory, chosen)
    rows, theirs = network.retrieval.text.state_dict()[WORDS], masked.bert.state_dict()[WORDS]
    assert torch.equal(rows[6], theirs[PIECES.index("heart")]) and torch.equal(rows[7], drawn[7])
    bias = network.decoder.lm.cls.predictions.bias
    assert bias[5] == masked.cls.predictions.bias[PIECES.index("lungs")]


def test_old_names_and_a_bare_model_load(masked, tmp_path):
    """As Google converted bert-base-uncased (gamma, beta), and as `BertModel` saves itself (no prefix, no head)."""
    for index, prefix in enumerate(("bert.", "")):
        state = {
            prefix
            + key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
            for key, value in masked.bert.state_dict().items()
        }
        (tmp_path / str(index)).mkdir()
        network = _network()
        load_bert(network, _write(tmp_path / str(index), state))
        name = "encoder.layer.1.output.LayerNorm.weight"
        assert torch.equal(network.retrieval.text.state_dict()[name], masked.bert.state_dict()[name])


def test_a_bert_of_another_width_is_refused(tmp_path):
    other = BertForMaskedLM(BertConfig(**{**tiny(len(PIECES)).decoder, "hidden_size": 16}))
    network, drawn = _network(), _network().state_dict()
    with pytest.raises(WeightsError, match="does not fit"):
        load_bert(network, _write(tmp_path, other.bert.state_dict()))
    assert all(torch.equal(value, drawn[key]) for key, value in network.state_dict().items())


def test_a_bert_of_too_few_layers_is_refused(masked, tmp_path):
    shallow = {k: v for k, v in masked.bert.state_dict().items() if not k.startswith("encoder.layer.1.")}
    with pytest.raises(WeightsError, match="does not fit"):
        load_bert(_network(), _write(tmp_path, shallow))


def test_a_damaged_or_missing_file_is_told(directory):
    (directory / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(WeightsError, match="damaged"):
        load_bert(_network(), directory)
    (directory / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        load_bert(_network(), directory)
    (directory / "vocab.txt").unlink()
    with pytest.raises(WeightsError, match=r"vocab\.txt"):
        load_bert(_network(), directory)


def test_a_file_without_word_pieces_is_no_vocabulary(directory):
    for content in (b"", b"heart\nlungs\n", b"[UNK]\n\xff\xfe"):
        (directory / "vocab.txt").write_bytes(content)
        with pytest.raises(WeightsError, match=r"vocab\.txt") as caught:
            read_vocabulary(directory)
        assert caught.value.code == "weights.vocabulary"


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (PIECES[:-1], f"{len(PIECES) - 1} lines, its model.safetensors {len(PIECES)} rows"),
        ([PIECES[0], "more", *PIECES[1:]], f"{len(PIECES) + 1} lines"),  # all rows after it would be a line off
        ([*PIECES, *PROMPT_TOKENS], f"{SIZE} lines"),
        ([*PIECES[:-1], PIECES[-2]], "no vocabulary"),  # twice the same
    ],
)
def test_a_vocabulary_of_other_rows_is_refused(directory, pieces, said):
    (directory / "vocab.txt").write_text("\n".join(pieces) + "\n")
    network, drawn = _network(), _network().state_dict()
    with pytest.raises(WeightsError, match=said) as caught:
        load_bert(network, directory)
    assert caught.value.code == "weights.vocabulary"
    assert all(torch.equal(value, drawn[key]) for key, value in network.state_dict().items())


def test_a_head_of_other_rows_is_refused(masked, tmp_path):
    bias = masked.state_dict()["cls.predictions.bias"]
    other = masked.state_dict() | {"cls.predictions.bias": torch.cat([bias, bias[:8]])}
    with pytest.raises(WeightsError, match=f"{len(PIECES) + 8} rows"):
        load_bert(_network(), _write(tmp_path, other))


def test_tied_tensors_are_converted_as_the_hint_says(masked, tmp_path):
    """As a pytorch_model.bin has them: `save_file` refuses tensors that share their memory until they are cloned."""
    with pytest.raises(RuntimeError, match="share memory"):
        save_file(masked.state_dict(), tmp_path / "model.safetensors")
    by_file, by_model = _network(), _network()
    load_bert(by_file, _write(tmp_path, masked.state_dict()))  # which clones
    save_model(masked, str(tmp_path / "model.safetensors"))
    load_bert(by_model, tmp_path)
    ours, theirs = by_file.state_dict(), by_model.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_digest_is_that_of_both_files(directory):
    digests = {bert_sha256(directory)}
    for name in ("vocab.txt", "model.safetensors"):
        with (directory / name).open("ab") as file:
            file.write(b"\n")
        digests.add(bert_sha256(directory))
    assert len(digests) == 3
    (directory / "model.safetensors").unlink()
    with pytest.raises(
        WeightsError, match=r"save_file once every tensor is cloned .*, or its model with save_model\.$"
    ):
        bert_sha256(directory)


def test_a_vocabulary_of_another_length_is_refused(directory):
    with pytest.raises(WeightsError, match="does not fit"):
        load_bert(_network(70), directory)
