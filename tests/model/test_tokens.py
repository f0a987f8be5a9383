import string

import pytest
from builders.network import CHARACTERS, VOCABULARY, WORDS
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.errors import WeightsError
from cxrreport.findings import State
from cxrreport.model.config import PROMPT_TOKENS, SPECIAL_TOKENS
from cxrreport.model.tokens import ReportTokenizer, pad, prune_vocabulary

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


def test_pad():
    ids, mask = pad([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[True] * 3, [True, False, False]]


FULL = [*SPECIAL_TOKENS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), *WORDS, "unused", "##ing", "cardio", "##megaly"]
PRUNED = prune_vocabulary(FULL, [(p, text) for p in "abc" for text in ("The heart and lungs.", "Cardiomegaly")])


def test_pruning_keeps_what_the_texts_use():
    assert {"the", "heart", "and", "lungs", "cardio", "##megaly"} <= {*PRUNED}
    assert not {"unused", "##ing", "effusion"} & {*PRUNED}
    assert PRUNED[: len(SPECIAL_TOKENS)] == [*SPECIAL_TOKENS] and PRUNED[-len(PROMPT_TOKENS) :] == [*PROMPT_TOKENS]
    assert len(set(PRUNED)) == len(PRUNED)


def test_a_piece_of_too_few_patients_goes_and_its_words_are_spelt():
    texts = [(p, "The heart and lungs.") for p in "abc"]
    texts += [(p, "Small effusion at the heart.") for p in "aabbb"]
    found = prune_vocabulary(FULL, texts)
    assert "heart" in found and not {"small", "effusion"} & {*found}
    tokenizer = ReportTokenizer(found)
    assert tokenizer.decode(tokenizer.encode("small effusion", 100)) == "small effusion"
    assert "effusion" in prune_vocabulary(FULL, texts, least=2)


def test_single_characters_tell_nothing_of_the_texts():
    """Latin ones are always there; a sign that is a word, and so may be a name, counts as one."""
    public = [*FULL, "µ", "°", "≥", "–", "李", "##李"]
    nothing = prune_vocabulary(public, [])
    assert {"µ", "°", *CHARACTERS} < {*nothing} and not {"≥", "–"} & {*nothing}
    assert "≥" in prune_vocabulary(public, [(patient, "≥ 3") for patient in "abc"])
    assert prune_vocabulary(public, [("a", "李"), ("b", "李 3 µm")]) == nothing
    assert {*prune_vocabulary(public, [(p, "李") for p in "abc"])} - {*nothing} == {"李"}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), SENTENCE), max_size=12), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_no_piece_hangs_on_one_patient(texts, least):
    """Without the texts of any one of them, each is still used by `least` others."""
    whole = prune_vocabulary(FULL, texts, least + 1)
    for left_out in {patient for patient, _ in texts}:
        others = [(patient, text) for patient, text in texts if patient != left_out]
        assert {*whole} <= {*prune_vocabulary(FULL, others, least)}


@given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_pruned_vocabulary_can_spell_any_word(word):
    tokenizer = ReportTokenizer(PRUNED)
    ids = tokenizer.encode(word, 100)
    assert tokenizer.unknown not in ids
    assert tokenizer.decode(ids) == word.lower()
