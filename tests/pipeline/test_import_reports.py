"""Reports are labelled by our rules, and labelled again where older rules labelled them, and only there."""

import json
import signal

import pytest

from cxrreport.pipeline import import_reports as module
from cxrreport.pipeline.run import open_run
from cxrreport.reports import labels as rule_labels
from cxrreport.reports.labelled import read_labelled
from cxrreport.reports.labels import label_all, rules
from cxrreport.settings import Settings

TEXTS = {f"A{n}": f"{['No large', 'Large', 'Small'][n % 3]} pleural effusion, {n} cm." for n in range(5)}
LABELLED = {name: (label_all(f"{words} {words}"), rules()) for name, words in TEXTS.items()}


@pytest.fixture
def imported(tool, tmp_path):
    """The command line on an archive of five reports, labelled by the rules."""
    folder = tmp_path / "reports"
    folder.mkdir()
    for name, words in TEXTS.items():
        (folder / f"{name}.txt").write_text(f"FINDINGS: {words}\nIMPRESSION: {words}\n")
    assert tool.json("index", folder)["relabelled"] == 0
    return tool


def stored(tool):
    rows = tool.rows("SELECT accession, labels, label_source FROM report ORDER BY id")
    return {name: (json.loads(states), source) for name, states, source in rows}


def forget(tool, source, where="true"):
    """Take the labels away and say that `source` gave them."""
    with tool.connection() as connection:
        connection.exec_driver_sql(f"UPDATE report SET labels = '{{}}', label_source = '{source}' WHERE {where}")  # noqa: S608


def test_the_import_tells_who_labelled(imported):
    assert stored(imported) == LABELLED and rules().startswith("rules-5-")


@pytest.mark.parametrize("change", ["version", "dictionary", "languages"])
def test_other_rules_are_another_source(monkeypatch, change):
    before = rules()
    if change == "version":
        monkeypatch.setattr(rule_labels, "RULES_VERSION", rule_labels.RULES_VERSION + 1)
    elif change == "languages":
        monkeypatch.setattr(rule_labels.language, "FOREIGN", "kein")
    else:
        words = rule_labels.words()
        monkeypatch.setattr(rule_labels, "words", lambda: {**words, "cues": {}})
    assert rules() != before


def test_reports_of_an_older_schema_are_labelled_again_and_no_others(imported):
    forget(imported, rules(), "accession = 'A0'")
    forget(imported, "", "accession <> 'A0'")
    assert imported.json("index")["relabelled"] == 4
    assert stored(imported) == LABELLED | {"A0": ({}, rules())}


def test_labels_that_older_rules_gave_a_report_in_another_language_go(imported):
    with imported.connection() as connection:
        german = "Herz normal gross. Kein Pneumothorax, kein Pleuraerguss rechts."
        connection.exec_driver_sql(
            f"UPDATE report SET findings = '{german}', label_source = 'rules-2-0' WHERE accession = 'A0'"  # noqa: S608
        )
    assert imported.json("index")["relabelled"] == 1
    assert stored(imported) == LABELLED | {"A0": ({}, rules())}


def test_an_interrupted_run_is_completed_by_the_next(imported, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 2)
    forget(imported, "rules-0")

    def interrupt(stage, count):
        assert (stage, count) == ("labels", 2)
        signal.raise_signal(signal.SIGINT)

    with open_run(Settings(home=imported.home), interrupt) as run:
        module.import_reports(run, (), "auto")
    assert (run.exit_code, run.summary(())["relabelled"]) == (130, 2)
    assert [source for _, source in stored(imported).values()] == [rules()] * 2 + ["rules-0"] * 3
    assert imported.json("index")["relabelled"] == 3
    assert stored(imported) == LABELLED


def test_a_file_that_is_lost_is_a_failure_and_the_run_goes_on(imported, monkeypatch, tmp_path):
    def read(*arguments):
        if arguments[-1].name == "A1.txt":
            raise MemoryError
        return read_labelled(*arguments)

    monkeypatch.setattr(module, "read_labelled", read)
    with open_run(Settings(home=imported.home, workers=0)) as run:
        module.import_reports(run, (tmp_path / "reports",), "auto")
    assert (run.exit_code, run.summary(())["unchanged"], run.counts.failed) == (3, 4, {"report.memory": 1})
    assert imported.rows("SELECT code, path FROM failure") == [("report.memory", str(tmp_path / "reports" / "A1.txt"))]
    monkeypatch.undo()
    assert imported.json("index", tmp_path / "reports")["failed"] == {}
    assert imported.rows("SELECT code FROM failure") == []


def test_child_processes_read_what_this_process_reads(imported, tmp_path):
    with open_run(Settings(home=imported.home, workers=1)) as run:
        module.import_reports(run, (tmp_path / "reports",), "auto")
    assert run.summary(())["unchanged"] == len(TEXTS) and not run.counts.failed and stored(imported) == LABELLED


def test_a_bulk_export_of_fhir_is_resolved_in_children_and_leaves_nothing(tool, tmp_path):
    patient = {"resourceType": "Patient", "id": "p", "identifier": [{"value": "P1"}]}
    report = {"resourceType": "DiagnosticReport", "status": "final", "subject": {"reference": "Patient/p"}}
    for name, resource in (("DiagnosticReport", report | {"conclusion": "Normal."}), ("Patient", patient)):
        (tmp_path / f"{name}.ndjson").write_text(json.dumps(resource))
    (tool.home / "fhir-killed.tmp").touch()
    with open_run(Settings(home=tool.home, workers=1)) as run:
        module.import_reports(run, (tmp_path,), "auto")
    assert tool.rows("SELECT mrn, impression FROM report") == [("P1", "Normal.")] and not run.counts.failed
    assert not list(tool.home.glob("fhir-*"))
