"""Weights whose decoder reads the prior: what it is given, and that studies without one do not notice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.tool import Tool

from cxrreport.drafting import compose as composing
from cxrreport.model.drafter import Drafter
from cxrreport.model.prose import Prose
from cxrreport.model.weights import load_weights, save_weights

PAIRED = {"A102": "A101", "A103": "A102", "A202": "A201"}


@pytest.fixture(scope="module")
def both(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Weights that compare pairs, without and with what reads the prior."""
    import torch

    from cxrreport.model.prior import PriorReader
    from cxrreport.model.progression import TemporalNetwork

    torch.manual_seed(4)
    w = load_weights(weights)
    temporal, reader = TemporalNetwork(w.network.config), PriorReader(w.network.config, w.network.decoder)
    for delta in reader.deltas:
        torch.nn.init.normal_(delta.wide, std=0.3)
    found = {}
    for reads in (False, True):
        found[reads] = tmp_path_factory.mktemp("reading") / "w"
        save_weights(
            found[reads], w.network, w.views, w.tokenizer, {}, None, temporal, reader if reads else None
        )  # fmt: skip
    return found


@pytest.fixture(autouse=True)
def _whatever_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder of random numbers stammers; here that is a text as well."""
    monkeypatch.setattr("cxrreport.model.drafter.tidy", lambda raw, complete: Prose(raw or ".", (), runaway=False))


def drafted(tool: Tool) -> dict[str, tuple[Any, ...]]:
    rows = tool.rows(
        "SELECT accession, findings, impression, comparison, flags, decoding FROM draft JOIN study ON study.id = study_id"
        " WHERE status = 'preliminary'"
    )
    return {row[0]: row[1:] for row in rows}


def test_studies_without_a_prior_come_out_the_same_beside_others_that_have_one(
    tool: Tool, shared_export: Path, shared_reports: Path, both: dict[bool, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[bool, list[tuple[int, bool]]] = {False: [], True: []}
    found, draft = {}, Drafter.draft
    for reads, place in both.items():

        def listen(self: Drafter, features: Any, *rest: Any, reads: bool = reads) -> Any:
            drafts = draft(self, features, *rest)
            made[reads].append((len(drafts), all(one.compared for one in drafts)))
            return drafts

        monkeypatch.setattr(Drafter, "draft", listen)
        monkeypatch.setenv("CXRREPORT_WEIGHTS", str(place))
        tool.json("index", shared_reports)
        tool.json("generate", shared_export, "--redo", "all")
        found[reads] = drafted(tool)
    assert made[False] == [(8, False)] and sorted(made[True]) == [(3, True), (5, False)]  # one batch, mixed
    for accession, draft_without in found[False].items():
        assert (found[True][accession] == draft_without) == (accession not in PAIRED)


def test_the_decoder_is_given_the_signed_report_of_the_prior_and_the_draft_says_which(
    tool: Tool, shared_export: Path, shared_reports: Path, both: dict[bool, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    make = composing.make_prior

    def listen(*arguments: Any) -> Any:
        given.append(arguments)
        return make(*arguments)

    monkeypatch.setattr(composing, "make_prior", listen)
    monkeypatch.setenv("CXRREPORT_WEIGHTS", str(both[True]))
    tool.json("index", shared_reports)
    tool.json("generate", shared_export)
    ((_, reports, changes, maps, days),) = given
    tokenizer = load_weights(both[True]).tokenizer
    texts = {tokenizer.decode(ids) for ids in reports}
    signed = ("Clear lungs.", "Right pleural effusion.", "Normal heart.")
    assert texts == {tokenizer.decode(tokenizer.encode(text, 100)) for text in signed}
    assert sorted(days) == [19, 60, 88] and all(len(row) == 13 for row in (*changes, *maps))
    told = {name: json.loads(row[-1]).get("prior_report") for name, row in drafted(tool).items()}
    accessions = dict(tool.rows("SELECT id, accession FROM report"))
    assert {name: accessions[i] for name, i in told.items() if i is not None} == PAIRED


@pytest.mark.parametrize("section", ["findings", "impression"])
def test_a_signed_report_in_another_language_is_not_read(
    tool: Tool,
    shared_export: Path,
    shared_reports: Path,
    both: dict[bool, Path],
    monkeypatch: pytest.MonkeyPatch,
    section: str,
) -> None:
    monkeypatch.setenv("CXRREPORT_WEIGHTS", str(both[True]))
    tool.json("index", shared_reports)
    with tool.connection() as connection:
        german = "Herz normal gross. Kein Pneumothorax, kein Pleuraerguss rechts."
        connection.exec_driver_sql(f"UPDATE report SET {section} = '{german}' WHERE accession = 'A101'")  # noqa: S608
    assert tool.json("generate", shared_export, "--without-retrieval")["paired"] == 3
    told = {name for name, row in drafted(tool).items() if "prior_report" in json.loads(row[-1])}
    assert told == {"A103", "A202"}


def test_a_prior_of_which_nobody_has_reported_is_read_without_words(
    tool: Tool, shared_export: Path, both: dict[bool, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRREPORT_WEIGHTS", str(both[True]))
    assert tool.json("generate", shared_export, "--without-retrieval")["paired"] == 3
    assert not any("prior_report" in json.loads(row[-1]) for row in drafted(tool).values())


def test_a_prior_that_gives_no_usable_states_is_not_read_either(
    tool: Tool, shared_export: Path, both: dict[bool, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = composing.Comparer.compare

    def spoilt(*arguments: Any) -> Any:
        return [replace(one, valid=False) for one in compare(*arguments)]

    monkeypatch.setattr(composing.Comparer, "compare", spoilt)
    monkeypatch.setattr(composing, "make_prior", lambda *_: pytest.fail("no prior is to be read"))
    monkeypatch.setenv("CXRREPORT_WEIGHTS", str(both[True]))
    assert tool.json("generate", shared_export, "--without-retrieval")["drafted"] == 8


def test_a_study_of_which_the_decoder_makes_nothing_with_its_prior_is_drafted_without(
    tool: Tool, shared_export: Path, both: dict[bool, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = Drafter.draft

    def spoilt(*arguments: Any) -> Any:
        return [replace(one, text="", valid=False) if one.compared else one for one in draft(*arguments)]

    monkeypatch.setattr(Drafter, "draft", spoilt)
    found = {}
    for reads, place in both.items():
        monkeypatch.setenv("CXRREPORT_WEIGHTS", str(place))
        made = tool.json("generate", shared_export, "--without-retrieval", "--redo", "all")
        assert (made["drafted"], made["failed"]) == (8, {})
        found[reads] = drafted(tool)
    assert {name: row[0] for name, row in found[True].items()} == {name: row[0] for name, row in found[False].items()}
