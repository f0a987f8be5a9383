"""Text cut into pieces: nothing is lost, and each piece knows what it rests on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cxrreport.drafts import Span
from cxrreport.export.html.text import Piece, pieces

RANGES = st.tuples(st.integers(0, 40), st.integers(1, 10), st.sampled_from(("change", "evidence", "flag")))


@given(st.text(max_size=40), st.lists(RANGES, max_size=6))
def test_the_pieces_are_the_text_whatever_the_spans(text: str, ranges: list[tuple[int, int, str]]) -> None:
    spans = [Span("findings", start, start + length, kind, "edema") for start, length, kind in ranges]
    cut = pieces(text, "findings", spans)
    assert "".join(piece.text for piece in cut) == text
    marked = {place for start, length, _ in ranges for place in range(start, min(start + length, len(text)))}
    assert sum(len(piece.text) for piece in cut if piece.kind) == len(marked)


def test_words_of_two_findings_tell_of_both_and_are_as_sure_as_the_less_sure() -> None:
    spans = [
        Span("findings", 0, 14, "evidence", "edema", 0.9),
        Span("findings", 0, 5, "change", "pneumonia", 0.4),
        Span("impression", 0, 14, "change", "fracture"),
    ]
    assert pieces("Lungs are clear", "findings", spans) == [
        Piece("Lungs", "change", ("edema", "pneumonia"), 0.4),
        Piece(" are clea", "evidence", ("edema",), 0.9),
        Piece("r"),
    ]
