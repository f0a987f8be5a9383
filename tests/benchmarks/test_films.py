"""Films and subgroups in the pages: what was measured stands there with its interval, and is told apart by run."""

import json

import numpy as np
import pytest
from builders.films import made_up_films
from builders.results import document, lines_of

from benchmarks.films import CARD_BEGIN, CARD_END, add_films, card, films_section
from benchmarks.results import main
from benchmarks.tables import read_rows
from cxrreport.evaluation.experts import expert_rows
from cxrreport.evaluation.films import false_alarms, finding_rows, mean_area, often
from cxrreport.evaluation.followups import FollowedUp, followup_rows
from cxrreport.evaluation.subgroups import subgroup_rows
from cxrreport.findings import NO_FINDING


def measured(weights="a" * 64):
    films = made_up_films()
    draws, keys = films.draws(0), [str(i) for i in range(len(films))]
    pairs = FollowedUp(np.ones((4, 13), int), np.ones((4, 13), bool), *np.ones((2, 4, 13)), np.array(list("aabb")))
    shares = dict.fromkeys(("new", "resolved"), np.zeros((4, 13)))
    return {
        "films": "nih", "split": "val", "count": len(films), "patients": 200, "bank": "iu-xray train", "notes": ["Beware."],
        "weights_sha256": weights, "findings": finding_rows(films), "mean_auc": mean_area(films, often(films), draws),
        "false_alarms": {"ap": false_alarms(films, draws)},
        "subgroups": subgroup_rows(films, {"sex": ["F", "M"] * 200}, 0),
        "experts": expert_rows(films, keys, {"0": {"fracture": True}}, {"fracture": ("fracture",)}),
        "followups": {"pairs": 4, "patients": 2, "rows": followup_rows(pairs, {"table": np.zeros((4, 13), int)}, shares, 0)},
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    add_films(tmp_path, "as it is", measured())
    return tmp_path


def test_every_table_stands_on_the_page(folder):
    found, page = measured(), "\n".join(films_section(folder))
    whole = {row[0]: row[1:] for row in lines_of(page, "Films as a whole: nih val, as it is")}
    mean = found["mean_auc"]
    assert whole["mean AUC"][:2] == ["400", f"{mean['value']:.3f} ({mean['low']:.3f} to {mean['high']:.3f})"]
    assert whole["mean AUC of the scores"][1] == f"{mean['of_scores']:.3f}"
    assert len(lines_of(page, "Films by finding: nih val, as it is")) == 2 + NO_FINDING
    rows = {tuple(row[:2]): row for row in lines_of(page, "New and resolved: nih val, as it is")}
    assert (
        rows["new", "table"][2:] == ["0.000 (0.000 to 0.000)", "52", "0", "0"] and rows["resolved", "table"][2] == "-"
    )
    assert lines_of(page, "Beside radiologists: nih val, as it is")[2][:3] == ["fracture", "1", "1"]
    women = lines_of(page, "Subgroups: nih val, as it is")[2]
    assert women[:3] == ["sex", "F", "200"] and women[3].startswith(
        f"{found['subgroups'][0]['mean_auc']['value']:.3f} ("
    )
    assert "Beware." in page and "weights aaaaaaaaaaaa" in page


def test_nothing_measured_is_no_section(tmp_path):
    assert films_section(tmp_path) == [] and card("a", tmp_path) == "a"


def test_runs_of_other_weights_have_tables_of_their_own_and_the_card_those_of_the_last(folder):
    add_films(folder, "trained further", measured("b" * 64))
    page = "\n".join(films_section(folder))
    assert all(f"### Subgroups: nih val, {setting}" in page for setting in ("as it is", "trained further"))
    text = f"# Card\n\n{CARD_BEGIN}old\n{CARD_END}\nrest\n"
    made = card(text, folder)
    assert made.startswith("# Card\n") and made.endswith("\nrest\n") and "old" not in made
    assert "weights bbbbbbbbbbbb" in made and "weights aaaaaaaaaaaa" not in made
    assert card(made, folder) == made


def test_an_evaluation_of_either_kind_is_added_by_one_command(tmp_path):
    (tmp_path / "docs" / "results" / "temporal").mkdir(parents=True)
    drafts = document(1, 0.3) | {"subgroups": measured()["subgroups"]}
    for name, one in (("drafts", drafts), ("films", measured())):
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    (tmp_path / "MODEL_CARD.md").write_text(CARD_BEGIN + CARD_END)
    for name in ("ablations",):
        (tmp_path / "docs" / "results" / f"{name}.csv").write_text("name,seed,split\n")
    main([str(tmp_path / "drafts.json"), str(tmp_path / "films.json"), "--docs", str(tmp_path / "docs")])
    rows = read_rows(tmp_path / "docs" / "results" / "films" / "subgroups.csv")
    assert {(row["collection"], row["split"]) for row in rows} == {("iu-xray", "val"), ("nih", "val")}
    assert "### Subgroups: nih val, as it is" in (tmp_path / "docs" / "results.md").read_text()
    assert "### Subgroups: nih val\n" in (tmp_path / "MODEL_CARD.md").read_text()
