"""What drafts a chunk: batch by batch, each hears of the one before, and a stop lets go of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from cxrreport.clock import Clock
from cxrreport.drafts import Draft, Finding, Provenance
from cxrreport.findings import State
from cxrreport.pipeline import drafting
from cxrreport.pipeline.chunks import Chunk, Outcome
from cxrreport.pipeline.drafting import ChunkDrafter
from cxrreport.pipeline.prepare import Reader
from cxrreport.records import Due, Failure, Image, Pair, Study, View


def due(number: int) -> Due:
    image = Image(number, "", "", 0, View.PA, 1.0, 8, 8)
    study = Study(number, str(number), 1, datetime(2024, 1, 1), True, None, "", "", (image,))
    return Due(Pair(study, image, None, None, None, None, ""), "")


def draft(number: int) -> Draft:
    rows = (Finding("edema", State.POSITIVE, 0.9), Finding("fracture", State.POSITIVE, 0.9, withheld="state"))
    made = Provenance("", 1, "", "", {})
    return Draft(number, None, "", "", "", "", rows, (), (), (), made, abstained="abstain.doubt" if number == 5 else "")


class Composer:
    """Drafts each study but the third, and halves each batch."""

    def __init__(self) -> None:
        self.clock, self.drafter = Clock(), SimpleNamespace(halved=3)
        self.heard: list[dict[int, Any]] = []

    def compose(self, batch: Any, signed: Any, drafted: dict[int, Any]) -> list[Draft | Failure]:
        self.heard.append(dict(drafted))
        self.drafter.halved += 1
        with self.clock.time("draft"):
            ids = [item.due.pair.study.id for item in batch]
        return [Failure("model.invalid", "", study_id=i) if i == 3 else draft(i) for i in ids]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A drafter of batches of two, whose films are at hand; it stops once `stopping` holds."""
    stopping: list[bool] = []

    def prepare(reader: Reader, found: Iterable[Due], outcome: Outcome) -> Iterator[Any]:
        return (SimpleNamespace(due=one, digests={one.pair.frontal.id: "digest"}) for one in found)

    monkeypatch.setattr(drafting, "prepare", prepare)
    for step in ("_same_view", "_doubted"):
        monkeypatch.setattr(drafting, step, lambda batch, _: batch)
    composer: Any = Composer()
    reader = Reader(None, None, 1, composer.clock, lambda: bool(stopping))  # type: ignore[arg-type]
    return SimpleNamespace(do=ChunkDrafter(composer, reader, 2), composer=composer, stopping=stopping)


def test_a_batch_hears_of_the_drafts_of_the_one_before(made: Any) -> None:
    told = {9: {"edema": State.NEGATIVE}}
    outcome = made.do(Chunk(tuple(map(due, range(1, 6))), {}, told))
    fresh = {"edema": State.POSITIVE}
    assert made.composer.heard == [told, {**told, 1: fresh, 2: fresh}, {**told, 1: fresh, 2: fresh, 4: fresh}]
    assert [getattr(one, "code", "") for one in outcome.made] == ["", "", "model.invalid", "", ""]
    assert outcome.digests == dict.fromkeys(range(1, 6), "digest")


def test_a_draft_that_is_abstained_from_takes_the_place_of_the_one_before(made: Any) -> None:
    made.do(Chunk((due(5), due(1), due(2)), {}, {5: {"edema": State.NEGATIVE}}))
    assert made.composer.heard[1][5] == {}


def test_batches_that_were_halved_and_stages_are_those_of_the_chunk(made: Any) -> None:
    first, second = (made.do(Chunk((due(n), due(n + 1)), {}, {})) for n in (1, 4))
    assert first.halved == second.halved == 1
    assert set(first.spent) == set(second.spent) == {"draft"} and first.wall_s > 0


def test_a_stop_lets_go_of_what_is_not_drafted(made: Any) -> None:
    made.stopping.append(True)
    assert made.do(Chunk((due(1), due(2)), {}, {})).made == []
