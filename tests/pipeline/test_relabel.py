"""Reports are labelled again where another labeller than the present one labelled them, and only there."""

import json
import signal

import pytest
from builders.chexbert import tiny_checkpoint, write_chexbert

from cxrreport.model.chexbert import CheXbert
from cxrreport.pipeline import relabel as relabelling
from cxrreport.pipeline.labeller import label_source
from cxrreport.pipeline.run import open_run
from cxrreport.reports import labels as rule_labels
from cxrreport.reports.labels import label, rules
from cxrreport.settings import Settings

TEXTS = {f"A{n}": f"{['No large', 'Large', 'Small'][n % 3]} pleural effusion, {n} cm." for n in range(5)}


@pytest.fixture
def imported(tool, tmp_path):
    """The command line on an archive of five reports, labelled by the rules."""
    folder = tmp_path / "reports"
    folder.mkdir()
    for name, words in TEXTS.items():
        (folder / f"{name}.txt").write_text(f"FINDINGS: {words}\nIMPRESSION: {words}\n")
    assert tool.json("index", folder)["relabelled"] == 0
    return tool


@pytest.fixture
def chexbert(tmp_path, monkeypatch):
    """A CheXbert that the settings name."""
    directory = write_chexbert(tmp_path / "chexbert", tiny_checkpoint())
    monkeypatch.setenv("CXRREPORT_LABELS_SOURCE", "chexbert")
    monkeypatch.setenv("CXRREPORT_CHEXBERT", str(directory))
    return directory


def stored(tool):
    rows = tool.rows("SELECT accession, labels, label_source FROM report ORDER BY id")
    return {name: (json.loads(states), source) for name, states, source in rows}


def by(labeller, source):
    return {name: (labeller(f"{words} {words}"), source) for name, words in TEXTS.items()}


def test_the_import_tells_who_labelled(imported):
    assert stored(imported) == by(label, rules()) and rules().startswith("rules-1-")


def test_another_source_labels_again_once(imported, chexbert):
    assert imported.json("index")["relabelled"] == 5
    after = stored(imported)
    network = CheXbert(chexbert)
    source = label_source(Settings(home=imported.home, labels_source="chexbert", chexbert=chexbert))
    assert after == by(lambda text: network.label([text])[0], source)
    assert {name: states for name, (states, _) in after.items()} != {
        name: states for name, (states, _) in by(label, "").items()
    }
    assert imported.json("index")["relabelled"] == 0


def test_other_weights_are_another_source(imported, chexbert):
    imported.json("index")
    before = stored(imported)
    write_chexbert(chexbert, tiny_checkpoint(seed=8))
    assert imported.json("index")["relabelled"] == 5
    assert {source for _, source in stored(imported).values()}.isdisjoint({source for _, source in before.values()})


@pytest.mark.parametrize("change", ["version", "dictionary"])
def test_other_rules_are_another_source(monkeypatch, change):
    before = rules()
    if change == "version":
        monkeypatch.setattr(rule_labels, "RULES_VERSION", rule_labels.RULES_VERSION + 1)
    else:
        words = rule_labels.words()
        monkeypatch.setattr(rule_labels, "words", lambda: {**words, "cues": {}})
    assert rules() != before


def test_the_same_source_does_no_work(imported, monkeypatch):
    with imported.connection() as connection:
        connection.exec_driver_sql("UPDATE report SET labels = '{}'")
    monkeypatch.setattr(relabelling, "labeller", lambda settings: pytest.fail("nothing is to be labelled"))
    assert imported.json("index")["relabelled"] == 0
    assert {len(states) for states, _ in stored(imported).values()} == {0}


def test_reports_of_an_older_schema_are_labelled_again(imported):
    with imported.connection() as connection:
        connection.exec_driver_sql("UPDATE report SET labels = '{}', label_source = '' WHERE accession <> 'A0'")
    assert imported.json("index")["relabelled"] == 4
    assert stored(imported) == by(label, rules())


def test_an_interrupted_run_is_completed_by_the_next(imported, monkeypatch):
    monkeypatch.setattr(relabelling, "_BATCH", 2)
    with imported.connection() as connection:
        connection.exec_driver_sql("UPDATE report SET labels = '{}', label_source = 'rules-0'")

    def interrupt(stage, count):
        assert (stage, count) == ("labels", 2)
        signal.raise_signal(signal.SIGINT)

    with open_run(Settings(home=imported.home)) as run:
        relabelling.relabel(run, interrupt)
    assert (run.exit_code, run.counts.numbers["relabelled"]) == (130, 2)
    assert [source for _, source in stored(imported).values()] == [rules()] * 2 + ["rules-0"] * 3
    assert imported.json("index")["relabelled"] == 3
    assert stored(imported) == by(label, rules())
