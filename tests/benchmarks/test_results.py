import json
import subprocess
import sys

import pytest
from builders.data import ROOT
from builders.results import ablation_run, document, lines_of

from benchmarks.configurations import configuration, differences
from benchmarks.documents import Found, ResultsError, load
from benchmarks.results import PEER, render
from benchmarks.tables import spread
from cxrreport.findings import FINDINGS

PAGE, RUNS = ROOT / "docs" / "results.md", ROOT / "docs" / "results"


def page_of(*evaluations):
    return render(Found(list(evaluations)))


def test_seeds_of_one_configuration_are_one_row_with_their_spread():
    page = page_of(document(1, 0.3), document(2, 0.4), document(3, 0.5))
    header, _, ours, constant = lines_of(page, "Language")
    assert header[:2] == ["row", "bleu_1"] and ours[:2] == ["cxrreport", "0.400 ± 0.100"]
    assert constant[1] == "0.100 ± 0.000" and ours[header.index("meteor")] == "-"
    assert "Other settings" not in page
    assert lines_of(page, "What texts are made of")[2][1] == "200.0 ± 0.0"
    difference = lines_of(page, "Ours minus the others")[2]
    assert difference[:2] == ["constant report", "+0.300 [+0.050, +0.250]"]


def test_every_table_names_protocol_split_beams_sizes_and_seeds():
    page = page_of(document(1), document(2))
    tables = page.split("\n### ")[1:]
    assert len(tables) == 6
    for table in tables:
        for said in ("Protocol R", "iu-xray val", "296 studies", "2069 train", "network mini", "beams 3", "seeds 1, 2"):
            assert said in table


def test_other_configurations_are_ablations_named_by_what_differs():
    page = page_of(
        document(1, 0.3), document(2, 0.5),
        document(1, 0.2, network={"fam_attention": "concat"}), document(2, 0.2, network={"fam_attention": "concat"}),
        document(1, 0.25, network={"scl": False}), document(1, 0.28, more=" --balance 0.5"),
    )  # fmt: skip
    table = lines_of(page, "Other settings")
    names = {row[0]: row[1:3] for row in table[2:]}
    assert names == {
        "as it is": ["2", "0.400 ± 0.141"],
        "fam_attention concat": ["2", "0.200 ± 0.000"],
        "scl off": ["1", "0.250"],
        "balance 0.5": ["1", "0.280"],
    }
    assert lines_of(page, "Language")[2][1] == "0.400 ± 0.141"  # the system's own alone
    assert table[0][-1] == "mean_auc_15" and table[2][-1] == "0.900 ± 0.141"


def test_weights_of_a_long_course_are_called_by_their_digest():
    other = document(1, 0.25, more=" --balance 0.5" + "".join(f" --option-{i} value" for i in range(12)))
    table = lines_of(page_of(document(1), other), "Other settings")
    assert table[3][0] == f"weights {other['weights_sha256'][:12]}, trained otherwise"


def test_what_is_scored_otherwise_stands_in_a_section_of_its_own():
    page = page_of(document(1), document(1, 0.6, protocol="C", protocol_says="clean"), document(1, 0.7, beams=1))
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## iu-xray val, protocol R, beams 3, 296 studies",
        "## iu-xray val, protocol C, beams 3, 296 studies",
        "## iu-xray val, protocol R, beams 1, 296 studies",
    ]
    assert "* Protocol C: clean." in page and "0.650" not in page


def test_areas_and_findings_have_a_line_each():
    page = page_of(document(1, 0.3))
    areas = {row[0]: row[1:] for row in lines_of(page, "Findings of the network, AUC")[2:]}
    assert areas["edema"] == ["3", "0.900"] and areas["fracture"] == ["3", "-"]
    assert areas["mean over findings with 15 positives"] == ["", "0.800"]
    assert len(lines_of(page, "F1 of the texts by finding")) == 2 + len(FINDINGS)


def test_published_rows_come_with_their_sources():
    row = {"model": "Some|Net", "source": "its README", "meteor": None, "rouge_l": 0.371}
    row |= {f"bleu_{order}": 0.1 * order for order in range(1, 5)}
    page = page_of(document(published=[row]))
    assert "Some\\|Net" in page and "| - | 0.371 | its README |" in page and "not run by us" in page


def test_the_page_says_where_the_peer_that_is_asked_for_is_missing():
    beside = document(1)
    beside["rows"][PEER] = beside["rows"]["constant report"]
    assert f"`{PEER}` is missing from 1 of 2 evaluation(s)" in page_of(beside, document(2))
    assert "is missing" not in page_of(beside) and "is missing" not in render(Found(ablations=[ablation_run()]))


def test_the_page_of_the_docs_is_made_of_the_run_files_beside_it():
    assert PAGE.read_text(encoding="utf-8") == render(load([RUNS]))


def test_files_and_directories_are_read_and_what_lies_beside_is_passed_over(tmp_path):
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "deep" / "e.json").write_text(json.dumps(document(1)))
    (tmp_path / "a" / "options.json").write_text('{"seed": 1}')
    (tmp_path / "a" / "deep" / "manifest.json").write_text("{}")
    (tmp_path / "a" / "metrics.jsonl").write_text("{}")
    (tmp_path / "b.json").write_text(json.dumps(document(2)))
    found = load([tmp_path / "b.json", tmp_path / "a", tmp_path / "b.json"])
    assert [d["weights"]["seed"] for d in found.evaluations] == [2, 1] and not found.ablations
    assert [file.name for file in found.passed] == ["manifest.json", "options.json"]
    (tmp_path / "again.json").write_text(json.dumps(document(2)))
    with pytest.raises(ResultsError, match="twice"):
        load([tmp_path])


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": {}}'])
def test_what_is_no_result_is_an_error_unless_it_is_known(tmp_path, text):
    (tmp_path / "e.json").write_text(json.dumps(document(1)))
    known, unknown = tmp_path / "studies.json", tmp_path / "evaluation.json"
    known.write_text(text)
    assert load([tmp_path]).passed == [known]
    with pytest.raises(ResultsError, match=r"studies\.json is neither"):
        load([tmp_path, known])
    unknown.write_text(text)
    with pytest.raises(ResultsError, match=r"evaluation\.json is neither"):
        load([tmp_path])


USED = ("findings", "positives", "published", "notes", "meteor", "bank", "rows", "differences", "states", "weights")


@pytest.mark.parametrize("gone", USED)
def test_half_an_evaluation_is_an_error(tmp_path, gone):
    whole = document()
    for half in ({k: v for k, v in whole.items() if k != gone}, whole | {gone: None}):
        (tmp_path / "e.json").write_text(json.dumps(half))
        with pytest.raises(ResultsError, match=r"e\.json is neither"):
            load([tmp_path])


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(ResultsError, match="No evaluation"):
        load([tmp_path])
    with pytest.raises(ResultsError, match="No such file"):
        load([tmp_path / "none"])


def test_the_command_prints_the_page_and_says_what_it_passed_over(tmp_path):
    (tmp_path / "e.json").write_text(json.dumps(document(1)))
    (tmp_path / "config.json").write_text("{}")
    call = [sys.executable, "-m", "benchmarks.results"]
    done = subprocess.run([*call, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == page_of(document(1))
    assert done.stderr == "1 JSON file(s) passed over: config.json.\n"
    empty = subprocess.run([*call, tmp_path / "x"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert empty.returncode == 1 and "No such file" in empty.stderr and not empty.stdout


def test_spread():
    assert (spread([]), spread([0.1234]), spread([200.0], "distinct")) == ("-", "0.123", "200")
    assert (spread([-0.1, 0.3], sign="+"), spread([2.0], "distinct", "+")) == ("+0.100 ± 0.283", "+2")


def test_directories_and_seeds_make_no_other_configuration():
    first = configuration(document(1))
    other = document(2)
    other["weights"]["command"] = other["weights"]["command"].replace("--out RUN", "--out OTHER --device cuda:0")
    assert configuration(other) == first
    several = document(3)
    several["weights"]["command"] = ["first (don't)", "second --init RUN/best"]
    assert differences(first, [first, configuration(several)]) == ["as it is", "init RUN/best"]
    assert configuration(document(1, network={"scl": None})) != first
