"""No text makes the reading of a report take more than its length allows: four times the text, about four times the work."""

import io
import tempfile
import time
from pathlib import Path

import pytest

from cxrreport import addenda, indications
from cxrreport.reports import claims, comparison, headings, labels, language, sections, sentences, whole
from cxrreport.reports.parsing import assemble, csv_rows, dates, pdf, scope
from cxrreport.reports.parsing.hl7_messages import read_messages
from cxrreport.reports.parsing.hl7_segments import parse_message

FACTOR, GENEROUS, TOO_SHORT_S = 4, 2.5, 0.004  # a square would be 16 times the work, 10 are let pass


def work(function, text):
    """Least seconds of this process of three tries; one is enough where it is short or very long."""
    spent = []
    while len(spent) < 3 and min(spent, default=1) > TOO_SHORT_S and sum(spent) < 0.3:
        labels.in_sentence.cache_clear()
        claims._sentence.cache_clear()
        start = time.process_time()
        function(text)
        spent.append(time.process_time() - start)
    return min(spent)


def is_linear(function, begin, pump, length, end="x"):
    def text(characters):
        return f"{begin}{pump * (characters // len(pump))}{end}"

    longer = work(function, text(FACTOR * length))
    return longer < TOO_SHORT_S or longer < FACTOR * GENEROUS * work(function, text(length))


def columns(text):
    return list(csv_rows.read_rows(io.StringIO(f"accession,report\n{text}\n"), {}))


def test_quotes_that_never_close_cost_no_square_of_the_rows():
    for pump in ('A1,5"6,"z\n', 'A1,x","y\n', 'A1,"z\n'):
        assert is_linear(columns, "", pump, 400 * len(pump))


def messages(text):
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_text(f"MSH|^~\\&|\rOBX|1|TX|||{text}", newline="")
        return list(read_messages(Path(file.name)))


def segments(text):
    return [one.prose(5) for one in parse_message([rb"MSH|^~\&|", f"OBX|1|TX|||{text}".encode()])]


QUICK = {
    "split": sections.split, "without addenda": sections.without_addenda, "clean": sections.clean,
    "headings": headings.find_headings, "name of a section": headings.section_named, "sentences": sentences.sentences,
    "mark-up": assemble.plain, "signatures": assemble.unsigned,
    "language": language.is_english, "scope": lambda text: scope.is_other("", [text], text), "pages": pdf.report_of,
    "indication": lambda text: indications.choose([text]), "date": dates.moment, "addenda": lambda text: addenda.join([text]),
    "table": columns, "message": segments, "messages": messages,
}  # fmt: skip
TEXTS = [
    ("FINDINGS", " "), ("FINDINGS", "\t"), ("Chest ", "1."), ("Chest ", "1/2/2020 "), ("Chest ", "1-"), ("COMPARISON: ", " "),
    ("***", "*"), ("This report has been ", " "), ("No prior ", "\n"), ("MD5 (", ") = "),
    ("ADDENDUM", " "), ("Addendum #", " "), ("CLINICAL", " "), ("REASON FOR", " "),
]  # fmt: skip
PUMPS = (
    " ", "\n", " \n", ".", "1.", "1. ", "1-", "1/2/2020 ", "-", "_", "*", "#", ",", "(", "a", "a, ", "<a ", "</", "<!--", "[**",
    "{\\rtf ", "\\", "\\E", '"', '""', '"\n', "the ", "views ", "chest ", "FINDINGS", "FINDINGS ", "ADDENDUM: x ", "history ",
    "report was signed\n", "COMPARISON: None ", "exam date ",
)  # fmt: skip


@pytest.mark.parametrize("name", QUICK)
def test_four_times_the_text_is_not_sixteen_times_the_work(name):
    texts = [*TEXTS, *(("", pump) for pump in PUMPS)]
    assert [pair for pair in texts if not is_linear(QUICK[name], *pair, 400)] == []


@pytest.mark.parametrize("function", [labels.label_all, claims.read, comparison.strip_comparison, whole.is_whole])
def test_sentences_without_end_are_read_in_pieces(function):
    assert is_linear(function, "The heart is stable ", " ", 600)
    assert is_linear(function, "No effusion, ", "stable and ", 600)


@pytest.mark.parametrize("pattern", [comparison._BEFORE, comparison._BODY_ALONE])
@pytest.mark.parametrize("pump", ["overall ", "interval ", "cardio", "exam", "and "])
def test_no_pattern_doubles_its_work_with_each_word(pattern, pump):
    assert work(pattern.search, f"{pump * 21}!") < 0.1
