import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_builders import CHARACTERS, VOCABULARY, WORDS

from cxrreport.errors import WeightsError
from cxrreport.model.config import PROMPT_TOKENS, SPECIAL_TOKENS
from cxrreport.model.tokens import ReportTokenizer, prune_vocabulary
from cxrreport.records import State

TOKENIZER = ReportTokenizer(VOCABULARY)
WORD = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20) | st.sampled_from(WORDS)
SENTENCE = st.lists(WORD, min_size=1, max_size=8).map(" ".join)


@given(st.lists(SENTENCE, min_size=1, max_size=4).map(lambda parts: " . ".join(parts) + " ."))
@settings(max_examples=100, deadline=None)
def test_cleaned_text_comes_back_as_it_was(text):
    """Word for word; only the space before a full stop is closed."""
    assert TOKENIZER.decode(TOKENIZER.encode(text, 2000)) == text.replace(" .", ".")


def test_contractions_are_not_invented():
    text = "the lungs do not clear. they re small s."
    assert TOKENIZER.decode(TOKENIZER.encode(text, 100)) == text


def test_case_and_limit():
    assert TOKENIZER.encode("The HEART", 10) == TOKENIZER.encode("the heart", 10)
    assert TOKENIZER.encode("the heart is normal", 2) == TOKENIZER.encode("the heart", 10)
    assert TOKENIZER.encode("", 10) == []


def test_special_and_prompt_tokens_are_left_out_of_a_text():
    heart = TOKENIZER.encode("heart", 5)
    assert TOKENIZER.decode([TOKENIZER.begin, *TOKENIZER.states, *heart, TOKENIZER.end, 0]) == "heart"


def test_text_cannot_forge_special_tokens():
    ids = TOKENIZER.encode("[POS] heart [SEP] [DEC]", 100)
    assert not {*TOKENIZER.banned, TOKENIZER.end} & {*ids}


def test_states_follow_the_order_of_the_records():
    names = [TOKENIZER.vocabulary[i] for i in TOKENIZER.states]
    assert names == ["[BLA]", "[POS]", "[NEG]", "[UNC]"]
    assert [s.name[:3] for s in State] == [name[1:4] for name in names]


def test_banned_are_all_special_tokens_but_the_end():
    banned = {TOKENIZER.vocabulary[i] for i in TOKENIZER.banned}
    assert banned == {*SPECIAL_TOKENS, *PROMPT_TOKENS} - {"[SEP]"}


@pytest.mark.parametrize("name", ["[PAD]", "[SEP]", "[DEC]", "[NEG]"])
def test_a_vocabulary_without_the_tokens_is_refused(name):
    with pytest.raises(WeightsError, match=name.strip("[]")) as caught:
        ReportTokenizer([piece for piece in VOCABULARY if piece != name])
    assert caught.value.exit_code == 78


def test_save_and_load(tmp_path):
    TOKENIZER.save(tmp_path / "vocab.txt")
    assert ReportTokenizer.load(tmp_path / "vocab.txt").vocabulary == VOCABULARY


FULL = [*SPECIAL_TOKENS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), *WORDS, "unused", "##ing", "cardio", "##megaly"]
PRUNED = prune_vocabulary(FULL, ["The heart and lungs.", "Cardiomegaly"])


def test_pruning_keeps_what_the_texts_use():
    assert {"the", "heart", "and", "lungs", "cardio", "##megaly"} <= {*PRUNED}
    assert not {"unused", "##ing", "effusion"} & {*PRUNED}
    assert PRUNED[: len(SPECIAL_TOKENS)] == [*SPECIAL_TOKENS] and PRUNED[-len(PROMPT_TOKENS) :] == [*PROMPT_TOKENS]
    assert len(set(PRUNED)) == len(PRUNED)


@given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_pruned_vocabulary_can_spell_any_word(word):
    tokenizer = ReportTokenizer(PRUNED)
    ids = tokenizer.encode(word, 100)
    assert tokenizer.unknown not in ids
    assert tokenizer.decode(ids) == word.lower()
