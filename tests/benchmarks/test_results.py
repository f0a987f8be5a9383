import shutil

import pytest
from builders.data import ROOT
from builders.results import document, lines_of

from benchmarks.ablations import NAMES as RUN
from benchmarks.results import ABLATIONS, ablation_tables, add, main, results_page
from benchmarks.tables import as_row, read_rows, spread, write_rows
from cxrreport.model.ablations import ABLATIONS as NAMES

DOCS = ROOT / "docs"


def test_the_pages_of_the_docs_are_made_of_the_tables_beside_them(tmp_path):
    shutil.copytree(DOCS / "results", tmp_path / "docs" / "results")
    shutil.copy(ROOT / "MODEL_CARD.md", tmp_path)
    main(["--docs", str(tmp_path / "docs")])
    for name in ("docs/results.md", "docs/temporal.md", "MODEL_CARD.md"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path):
    shutil.copy(DOCS / "results" / "ablations.csv", tmp_path)
    for setting, evaluation in (
        ("as it is", document(1, 0.3)), ("as it is", document(2, 0.5)), ("scl off", document(3, 0.2)),
    ):  # fmt: skip
        add(tmp_path, setting, evaluation)
    return results_page(tmp_path)


def test_evaluations_of_one_setting_are_one_row_with_their_spread(page):
    header, _, ours, constant = lines_of(page, "Language")
    assert header[:2] == ["row", "bleu_1"] and ours[:2] == ["cxrreport", "0.400 ± 0.141"]
    assert constant[1] == "0.100 ± 0.000" and ours[header.index("meteor")] == "-"
    assert lines_of(page, "What texts are made of")[2][1] == "200.0 ± 0.0"
    assert lines_of(page, "Ours minus the others")[2][:2] == ["constant report", "+0.300 [+0.050, +0.250]"]
    settings = lines_of(page, "Other settings")
    assert [row[:3] for row in settings[2:]] == [["as it is", "2", "0.400 ± 0.141"], ["scl off", "1", "0.200"]]
    areas = {row[0]: row[1:] for row in lines_of(page, "Findings of the network, AUC")[2:]}
    assert areas["edema"] == ["3", "0.900 ± 0.000"] and areas["fracture"] == ["3", "-"]
    assert "is missing from 3 of 3" in page and "2 run(s), seeds 1, 2." in page


def _scores(name, seed, value, **facts):
    facts = {"split": "test", "content_path": True, "commit": "a", **facts}
    row = {"name": name, "seed": seed, **facts, **dict.fromkeys(("bleu_1", "bleu_4", "rouge_l", "example_f1"), value)}
    row |= dict.fromkeys(("micro_f1", "macro_f1", "states_macro_f1", "mean_auc_15"), value) | {"distinct": 40.0 + seed}
    settings = ("studies", "beams", "copies", "train", "decoder_layers", "epochs", "batch", "lr", "balance", "weights")
    return as_row({**row, **dict.fromkeys(settings, 1)})


def test_ablations_are_paired_with_the_whole_network_of_their_seed():
    rows = [_scores("without-fam", 1, 0.2), _scores("without-fam", 2, 0.5), _scores("concat", 3, 0.1, commit="b")]
    rows += [_scores("full", 1, 0.3), _scores("full", 2, 0.4), _scores("only-l2", 1, 0.3, content_path=False)]
    page = "\n".join(ablation_tables(rows))
    full, plain, concat, bare = lines_of(page, "Test")[2:]
    assert full[2:4] == ["1, 2", "0.350 ± 0.071"] and full[-1] == "41.5 ± 0.7"  # in the order of the papers
    assert (
        plain[1] == ABLATIONS["without-fam"] and concat[0] == "concat" and bare[1].endswith("without its content path")
    )
    _, _, plain, concat, bare = lines_of(page, "Test, minus `full`")
    assert plain[2:4] == ["1, 2", "+0.000 ± 0.141"] and concat[2:4] == ["-", "-"] and bare[2:4] == ["1", "+0.000"]
    assert "commits a, b" in page and "Validation" not in page


def test_every_row_of_the_ablations_has_a_meaning():
    assert {*RUN} <= {"full", *NAMES} <= ABLATIONS.keys()


def test_tables_come_back_as_they_were_written(tmp_path):
    row = as_row({"name": "a, b", "share": 0.1234567891, "n": 3, "whole": 2.0, "gone": None})
    write_rows(tmp_path / "x" / "t.csv", [row, {"name": "c"}])
    assert read_rows(tmp_path / "x" / "t.csv") == [
        {"name": "a, b", "share": "0.123456789", "n": "3", "whole": "2.0", "gone": ""},
        {"name": "c", "share": "", "n": "", "whole": "", "gone": ""},
    ]


def test_spread():
    assert (spread([""]), spread(["0.1234"]), spread(["200.0"], "distinct"), spread(["12"])) == (
        "-",
        "0.123",
        "200",
        "12",
    )
    assert (spread([-0.1, 0.3], sign="+"), spread([2.0], "distinct", "+")) == ("+0.100 ± 0.283", "+2")


def test_errors_that_would_change_what_is_done_come_first(tmp_path):
    shutil.copy(DOCS / "results" / "ablations.csv", tmp_path)
    add(tmp_path, "before", document(1, 0.3))
    add(tmp_path, "after", document(1, 0.3))
    page = results_page(tmp_path)
    assert page.index("## Errors that would change") < page.index("### Language")
    assert "* critical: pneumothorax, free air" in page
    rows = lines_of(page, "Errors per report: iu-xray val")[2:]
    assert [row[:2] for row in rows] == [
        [drafts, row] for drafts in ("before", "after") for row in ("cxrreport", "constant report")
    ]
    assert rows[0][2:] == ["0.300", "0.050 to 0.250", "0.125", "0.000", "0.000"]  # 37 of 296, what is routine aside
    assert lines_of(page, "Faults per 100 drafts: iu-xray val")[2][2:] == ["0.3"] * 6
