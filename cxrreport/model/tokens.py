"""The report tokenizer: BERT-uncased WordPiece, pruned to the pieces that the reports of several patients need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from cxrreport.errors import WeightsError
from cxrreport.findings import State
from cxrreport.model.config import PROMPT_TOKENS, SPECIAL_TOKENS

_STATE_TOKEN = {State.BLANK: "[BLA]", State.POSITIVE: "[POS]", State.NEGATIVE: "[NEG]", State.UNCERTAIN: "[UNC]"}
LEAST_PATIENTS = 3  # whose reports must hold a word piece
_AFTER_LATIN = "\u0250"  # other scripts and signs are a thousand characters more, few of which reports use


def prune_vocabulary(
    vocabulary: Sequence[str], texts: Iterable[tuple[str, str]], least: int = LEAST_PATIENTS
) -> list[str]:  # fmt: skip
    """Return the pieces of a public WordPiece vocabulary that the texts of at least `least` patients use.

    A rarer piece, which may tell of its patient, is spelt by shorter ones: the single characters of the vocabulary below
    U+0250 (ASCII, Latin letters, signs such as "°" and "µ") are always kept, whatever the texts hold; others, such as "–"
    and "≥", are pieces like all. texts: (patient, text). The special tokens come first, in a fixed order; the prompt
    tokens last.
    """
    whole = wordpiece([*vocabulary])
    patients: defaultdict[str, set[str]] = defaultdict(set)
    for patient, text in texts:
        for piece in whole.encode(text, add_special_tokens=False).tokens:
            if len(patients[piece]) < least:
                patients[piece].add(patient)
    common = {piece for piece, known in patients.items() if len(known) >= least}
    kept = [p for p in vocabulary if (p in common or _is_latin_character(p)) and p not in SPECIAL_TOKENS]
    return [*SPECIAL_TOKENS, *kept, *PROMPT_TOKENS]


def _is_latin_character(piece: str) -> bool:
    character = piece.removeprefix("##")
    return len(character) == 1 and character < _AFTER_LATIN


def wordpiece(vocabulary: Sequence[str], longest: int = 64) -> Tokenizer:
    """BERT's tokenizer of lower-cased text; a word of more than `longest` characters is unknown."""
    ids = {piece: index for index, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=longest))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


class ReportTokenizer:
    """Texts to ids and back.

    Raises
    ------
    WeightsError : when the vocabulary lacks a token that the network needs.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        missing = {*SPECIAL_TOKENS, *PROMPT_TOKENS} - {*vocabulary}
        if missing:
            raise WeightsError(f"The vocabulary of the weights lacks {', '.join(sorted(missing))}.")
        self.vocabulary = list(vocabulary)
        self._tokenizer = wordpiece(vocabulary)
        self.unknown, self.end, self.begin = (self.vocabulary.index(name) for name in ("[UNK]", "[SEP]", "[DEC]"))
        self.states = [self.vocabulary.index(_STATE_TOKEN[state]) for state in State]

    def __len__(self) -> int:
        return len(self.vocabulary)

    @property
    def banned(self) -> list[int]:
        """Ids that a draft never holds: every special and prompt token but the end token."""
        names = {*SPECIAL_TOKENS, *PROMPT_TOKENS} - {"[SEP]"}
        return sorted(self.vocabulary.index(name) for name in names)

    def words(self, wanted: Callable[[str], bool]) -> list[int]:
        """Ids of the whole words that `wanted` picks."""
        whole = ((i, piece) for i, piece in enumerate(self.vocabulary) if not piece.startswith("##"))
        return [i for i, piece in whole if wanted(piece)]

    def encode(self, text: str, limit: int) -> list[int]:
        """Return at most `limit` ids of a text, without special tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids[:limit]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; special and prompt tokens are left out."""
        drop = {*self.banned, self.end}
        text: str = self._tokenizer.decode([i for i in ids if i not in drop], skip_special_tokens=False)
        return text.strip()

    def save(self, path: Path) -> None:
        """Write the vocabulary, one piece a line."""
        path.write_text("\n".join(self.vocabulary) + "\n", encoding="utf-8")


def pad(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids of different lengths -> (n, T) padded with 0, and the mask (n, T) bool."""
    padded = pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], batch_first=True)
    return padded, torch.arange(padded.shape[1]) < torch.tensor([[len(row)] for row in rows])


def by_length(rows: Sequence[Sequence[int]], size: int) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Batches of rows of similar length: their numbers, and what `pad` makes of them."""
    order = sorted(range(len(rows)), key=lambda number: len(rows[number]))
    for start in range(0, len(order), size):
        numbers = order[start : start + size]
        yield numbers, *pad([rows[number] for number in numbers])
