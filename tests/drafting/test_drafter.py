from cxrreport.drafting.drafter import comparing_words
from cxrreport.model.config import PROMPT_TOKENS, SPECIAL_TOKENS
from cxrreport.model.tokens import ReportTokenizer


def test_words_that_compare_whatever_follows_are_told_apart():
    words = ["unchanged", "improved", "interval", "new", "remains", "heart", "##unchanged", "stable", "prior"]
    tokenizer = ReportTokenizer([*SPECIAL_TOKENS, *words, *PROMPT_TOKENS])
    assert [tokenizer.vocabulary[i] for i in comparing_words(tokenizer)] == ["unchanged", "improved"]
