"""Every sentence of the wording says what it is there for and nothing else; a file of a site is checked."""

from importlib import resources

import pytest

from cxrreport.drafting.wording import TOLD
from cxrreport.drafting.wording_file import Told, combinations, default_wording, faults, load_wording, misread, said
from cxrreport.errors import ConfigurationError
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.reports.claims import read
from cxrreport.reports.labels import label
from cxrreport.reports.qualifiers import Side

WORDING = default_wording()
GRADED = {Change.WORSENED, Change.IMPROVED}  # devices and fractures come and go
FILE = resources.files("cxrreport.drafting").joinpath("wording.yaml").read_text("utf-8")


def test_every_combination_says_exactly_its_finding_state_side_and_change_and_no_severity():
    assert list(faults(WORDING)) == []


def test_the_combinations_are_all_findings_states_sides_and_changes():
    found = {*combinations(WORDING)}
    assert {told.finding for told in found} == {*FINDINGS} - {"no finding"}
    effusion = {told for told in found if told.finding == "pleural effusion"}
    assert len(effusion) == 4 * (1 + len(TOLD)) + 4 + 1  # told or resolved, doubted, denied
    assert {*TOLD} == {*Change} - {Change.ABSENT}
    assert {told.change for told in found if told.finding == "support devices"} == {None, *TOLD} - GRADED
    assert {told.change for told in found if told.finding == "fracture"} == {None, *TOLD} - GRADED


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("There is a left pleural effusion.", Told("pleural effusion", State.POSITIVE)),
        ("There is a pleural effusion.", Told("pleural effusion", State.POSITIVE, Side.LEFT)),
        ("There is a small pleural effusion.", Told("pleural effusion", State.POSITIVE)),
        ("The pleural effusion has worsened.", Told("pleural effusion", State.POSITIVE, change=Change.IMPROVED)),
        ("There is a pleural effusion.", Told("pleural effusion", State.UNCERTAIN)),
        ("There is a pleural effusion and edema.", Told("pleural effusion", State.POSITIVE)),
        ("There is a pleural effusion due to overload.", Told("pleural effusion", State.POSITIVE)),
        ("A pleural effusion.", Told("pleural effusion", State.POSITIVE)),
        ("The heart is normal. No edema.", Told("edema", State.NEGATIVE)),
        ("The lungs are clear.", Told("lung opacity", State.NEGATIVE)),  # sums up more
        ("A pacemaker is seen.", Told("support devices", State.POSITIVE, name="port")),
    ],
)
def test_a_sentence_that_says_something_else_is_found(sentence, told):
    assert misread(read(sentence), told)


def test_variants_are_chosen_by_the_study_and_all_are_used():
    told = Told("edema", State.POSITIVE)
    assert said(WORDING, told, "7") == said(WORDING, told, "7")
    assert len({said(WORDING, told, str(key)) for key in range(40)}) == 3


def test_a_doubt_has_several_wordings_that_all_read_as_one():
    told = Told("pneumonia", State.UNCERTAIN)
    variants = {said(WORDING, told, str(key)) for key in range(40)}
    assert len(variants) == 4 and {label(one)["pneumonia"] for one in variants} == {State.UNCERTAIN}


def test_devices_do_not_develop_or_resolve_like_a_disease():
    for change in (Change.NEW, Change.RESOLVED):
        state = State.POSITIVE if change is Change.NEW else State.NEGATIVE
        sentences = {said(WORDING, Told("support devices", state, change=change), str(key)) for key in range(20)}
        assert not any("resolved" in one or "developed" in one for one in sentences) and len(sentences) == 2
    for part in (WORDING.impression, WORDING.comparison):
        assert "no longer seen" in WORDING.phrase(part, "support devices", Change.RESOLVED, None)
        assert "resolved" in WORDING.phrase(part, "edema", Change.RESOLVED, None).lower()


def test_several_absent_findings_come_in_one_sentence():
    states = label(WORDING.none(["pneumothorax", "pleural effusion", "consolidation"], "1"))
    assert {f for f, state in states.items() if state is State.NEGATIVE} == {
        "pneumothorax",
        "pleural effusion",
        "consolidation",
    }


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("  pneumothorax:\n", "  pneumothorx:\n", "pneumothor"),
        ("There is no {name}.", "There is {name}.", "negative"),
        ("{one} cannot be excluded.", "{one} is seen.", "uncertain"),
        ("The heart is enlarged.", "The heart is mildly enlarged.", "a severity"),
        ('gone: "{name} no longer seen"', 'gone: "{name} worsened"', "findings.fracture.gone"),
        ("The {name} {has} resolved since", "The {nam} {has} resolved since", "nam"),
        ("nothing acute:", "nothing at all:", "impression"),
        ("  pacemaker:", "  toaster:", "toaster"),
        ('  positive: "{list}."', '  positive: "No {list}."', "impression.positive"),
        ('  resolved: "{name} resolved"', '  resolved: "{name} worsened"', "comparison.resolved"),
        ('  new: "New {name}."', '  new: "New {name:>9}."', "a slot has only a name"),
        ('  new: "New {name}."', '  new: "New {one}."', "impression.new: Value error, no such slot here: one"),
        ('  new: "New {name}."', '  new: "New {}."', "impression.new: Value error, no such slot"),
        ('  absent: "No {list};', '  absent: "No {name};', "impression.absent: Value error, no such slot here: name"),
        ('gone: "{name} no', 'gone: "{one} no', "findings.fracture.gone: Value error, no such slot here: one"),
        ("{when}: {clauses}.", "{when}.", "comparison.lead: Value error, {clauses} belongs there once"),
        ("{when}: {clauses}.", "{when}: {clauses}; {clauses}.", "comparison.lead"),
        ('["There is no {list}."', '["There is {list}."', "none of"),
        ("; otherwise indeterminate", "; otherwise normal chest", "impression.absent"),
        ('"no change in the findings"', '"pneumothorax resolved"', "comparison.no change"),
        ('"no change in the findings"', '"all has worsened"', "comparison.no change"),
        ('"change in the findings cannot be judged"', '"no change in the findings"', "comparison.unknown"),
        ("Compared with the prior{when}: ", "Worse than the prior{when}: ", "comparison.lead"),
        ('nothing: "Indeterminate: no finding is certain enough to be called."', 'nothing: "Normal chest."', "nothing"),
        ('"No acute cardiopulmonary abnormality."', '"Normal chest."', "impression.nothing acute"),
        ('    gone: "{name} no', '    worsened: ["{one} {has} worsened."]\n    gone: "{name} no', "fracture.worsened"),
        ("none of: [", "none of: ", "line"),
        ('nothing: "Indeterminate: no finding', 'nothing: "No pneumonia', "nothing"),
    ],
)
def test_a_wording_that_does_not_fit_is_refused_with_its_place(tmp_path, old, new, place):
    path = tmp_path / "wording.yaml"
    assert old in FILE
    path.write_text(FILE.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        load_wording(path)
    assert place in caught.value.message and str(tmp_path) not in caught.value.message
    assert (caught.value.code, caught.value.exit_code) == ("configuration.wording", 78)


def test_the_default_wording_is_read_from_a_file_of_a_site(tmp_path):
    (tmp_path / "wording.yaml").write_text(FILE)
    assert load_wording(tmp_path / "wording.yaml") == WORDING


def test_a_wording_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_wording(tmp_path / "none.yaml")
