"""Tables of the runs of `benchmarks.ablations`, which have an encoder that is frozen."""

import json

import pytest
from builders.results import ablation_run, document, lines_of

from benchmarks.ablation_tables import FULL, ROWS
from benchmarks.documents import Found, ResultsError, load
from benchmarks.results import render
from cxrreport.model.ablations import ABLATIONS

RUNS = [
    *(ablation_run("promptmrg", 1, 0.2), ablation_run("without-fam", 2, 0.5), ablation_run("without-fam", 1, 0.2)),
    *(ablation_run("full", 1, 0.3), ablation_run("full", 2, 0.4), ablation_run("concat", 3, 0.1)),
]
PAGE = render(Found(ablations=RUNS))


def test_every_row_of_the_ablations_has_a_meaning():
    assert {FULL, "promptmrg", *ABLATIONS} <= ROWS.keys()


def test_a_line_a_row_with_the_spread_over_its_seeds():
    header, _, *lines = lines_of(PAGE, "Test")
    assert header[:5] == ["row", "what it is", "seeds", "BLEU-1", "BLEU-4"] and header[-1] == "distinct"
    assert [line[0] for line in lines] == ["full", "without-fam", "concat", "promptmrg"]  # the order of `ROWS`
    full, plain, *_ = lines
    assert full[2:4] == ["1, 2", "0.350 ± 0.071"] and full[-1] == "41.5 ± 0.7"
    assert plain[1] == ROWS["without-fam"] and plain[2:4] == ["1, 2", "0.350 ± 0.212"]
    assert lines[-1][2:4] == ["1", "0.200"]


def test_validation_is_the_best_epoch():
    assert lines_of(PAGE, "Validation, best epoch")[2][3] == "0.450 ± 0.071"


def test_differences_pair_the_seeds():
    _, _, plain, concat, last = lines_of(PAGE, "Test, minus `full`")
    assert [plain[0], *plain[2:4]] == ["without-fam", "1, 2", "+0.000 ± 0.141"]  # of -0.1 and +0.1
    assert [concat[0], *concat[2:4]] == ["concat", "-", "-"]  # no seed of its own has a `full`
    assert [last[0], *last[2:4]] == ["promptmrg", "1", "-0.100"] and last[-1] == "+0"


def test_every_table_says_how_it_came_about():
    tables = PAGE.split("\n### ")[1:]
    assert len(tables) == 4
    said = ["Protocol C", "ncoder frozen", "patches cached in 2 copies", "2069 train", "decoder layers 2", "epochs 4"]
    for table in tables:
        own = ["iu-xray test", "590", "beams 3"] if table.startswith("Test") else ["iu-xray val", "296", "beams 1"]
        for words in [*said, "weights 0123456789ab,", "seeds 1, 2, 3", *own]:
            assert words in table
    assert "* Protocol C: full references" in PAGE


def test_runs_of_other_settings_are_not_in_one_table():
    page = render(Found(ablations=[ablation_run(), ablation_run("trar", settings={"lr": 0.1}), ablation_run("concat")]))
    first, second = page.split("\n## ")[1:]
    assert first.startswith("Ablations, encoder frozen, setting 1 of 2") and "concat" in first and "trar" not in first
    assert second.startswith("Ablations, encoder frozen, setting 2 of 2") and "learning rate 0.1" in second
    assert "minus" in first and "minus" not in second  # there is no `full` to compare with


def test_runs_of_several_commits_are_named_in_every_caption():
    runs = [ablation_run(commit="a" * 40), ablation_run("trar", commit="b" * 40), ablation_run("concat", test=False)]
    runs[2]["settings"] = runs[0]["settings"]
    page = render(Found(ablations=runs))
    test, _, validation, _ = page.split("\n### ")[1:]
    said = "not the same for all; by commit: aaaaaaaaaaaa (full-1); bbbbbbbbbbbb (trar-1)"
    assert f"{said}." in test and f"{said}; unknown (concat-1)." in validation
    assert "by commit" not in render(Found(ablations=[ablation_run(seed=seed, commit="a" * 40) for seed in (1, 2)]))
    assert "by commit" not in PAGE  # none names one


def test_one_name_with_and_without_the_content_path_is_two_rows():
    bare = ablation_run("only-l2", 2, 0.2, flags={"diff_content": False})
    page = render(Found(ablations=[ablation_run("only-l2", 1, 0.3, flags={"diff_content": True}), bare]))
    first, second = lines_of(page, "Test")[2:]
    assert first[1:4] == [ROWS["only-l2"], "1", "0.300"]
    assert second[1:4] == [f"{ROWS['only-l2']}, without its content path", "2", "0.200"]


def test_without_the_test_split_there_is_validation_alone():
    page = render(Found(ablations=[ablation_run(test=False), ablation_run("trar", test=False)]))
    assert "### Test" not in page and lines_of(page, "Validation, best epoch, minus `full`")[2][0] == "trar"


def test_a_score_that_is_not_there_is_a_dash():
    run = ablation_run("trar")
    del run["test"]["mean_auc_15"]
    page = render(Found(ablations=[ablation_run(), run]))
    assert lines_of(page, "Test")[3][-2] == "-" and lines_of(page, "Test, minus `full`")[2][-2] == "-"


def _without_studies(split):
    studies = {name: 5 for name in ("train", "val", "test") if name != split}
    return ablation_run(settings={"studies": studies})


@pytest.mark.parametrize(
    "damaged",
    [
        *(ablation_run(validation=[]), ablation_run(validation=[None]), ablation_run() | {"settings": {}}),
        *(ablation_run(best_epoch=0), ablation_run(best_epoch=3), ablation_run() | {"test": None}),
        *map(_without_studies, ("train", "val", "test")),
        *({k: v for k, v in ablation_run().items() if k != gone} for gone in ("flags", "seed", "best_epoch")),
    ],
)
def test_half_a_run_is_an_error(tmp_path, damaged):
    (tmp_path / "full-1.json").write_text(json.dumps(damaged))
    with pytest.raises(ResultsError, match=r"full-1\.json is neither"):
        load([tmp_path])


def test_files_are_told_apart_and_a_run_is_read_once(tmp_path):
    (tmp_path / "full-1.json").write_text(json.dumps(ablation_run(protocol="C")))
    (tmp_path / "trar-1.json").write_text(json.dumps(ablation_run("trar")))  # as written before it named its protocol
    (tmp_path / "e.json").write_text(json.dumps(document()))
    found = load([tmp_path])
    assert [run["name"] for run in found.ablations] == ["full", "trar"] and len(found.evaluations) == 1
    page = render(found)
    assert page.count("## Ablations, encoder frozen") == 1 and "## iu-xray val, protocol R" in page
    (tmp_path / "again.json").write_text(json.dumps(ablation_run("trar")))
    with pytest.raises(ResultsError, match="trar-1 was run twice"):
        load([tmp_path])
