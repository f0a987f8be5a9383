"""Real follow-ups are read in the order in which they were taken, with what is known of them and no more."""

import numpy as np
import pytest
from builders.data import DATA
from PIL import Image

from cxrreport.datasets.pairs.followups import covid_pairs, hannover_pairs, is_permitted
from cxrreport.datasets.pairs.nih import nih_pairs, read_follow_ups
from cxrreport.datasets.pairs.notes import truth_in_notes
from cxrreport.datasets.pairs.sample import IMPROVED, UNCHANGED, UNSTATED, WORSENED
from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS


def at(finding):
    return FINDINGS.index(finding)


def collection(directory, table, lines, names):
    (directory / "images").mkdir()
    rng = np.random.default_rng(0)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (50, 40), dtype=np.uint8)).save(directory / "images" / f"{name}.jpg")
    (directory / table).write_text("\n".join(lines) + "\n")
    return directory


NIH = "patient,id_prev,id_curr,labels_prev,labels_curr"


def test_nih_tells_what_is_new_resolved_and_still_there_but_not_how(tmp_path):
    rows = ["1,a,b,Effusion|Mass,Mass|Edema", "11,c,d,No Finding,No Finding"]
    directory = collection(tmp_path, "pairs.csv", [NIH, *rows], "abcd")
    (pair,), (held,) = nih_pairs(directory, "train"), nih_pairs(directory, "held out")
    assert (pair.key, pair.patient, pair.place, pair.days) == ("nih-a-b", "nih-1", "nih", None)
    assert pair.before[at("pleural effusion")] and not pair.now[at("pleural effusion")]
    assert pair.now[at("edema")] and not pair.before[at("edema")] and not pair.known[at("lung opacity")]
    assert (pair.progression == UNSTATED).all() and not pair.known[at("fracture")]
    assert held.patient == "nih-11" and held.now[at("no finding")]


def test_hannover_pairs_follow_the_days_of_a_patient(tmp_path):
    rows = ["p,late,-9,ap", "p,first,2,PA", "p,side,-3,lateral", "p,same,-9,ap", "p,undated,,ap", "q,alone,0,pa"]
    lines = ["patient_id,image_id,admission_offset,projection", *rows]
    names = ["late", "first", "same", "side", "undated", "alone"]
    (pair,) = hannover_pairs(collection(tmp_path, "data.csv", lines, names))
    assert (pair.key, pair.days, pair.patient) == ("hannover-first-late", 11, "hannover-p")
    assert not pair.known.any() and (pair.progression == UNSTATED).all() and pair.boxes == ()


COVID = "patientid,offset,view,license,filename,clinical_notes"


def covid(tmp_path, licence="CC BY 4.0", now="The left pleural effusion has increased. No pneumothorax."):
    rows = [
        f"5,3,AP,{licence},one.png,There is a left pleural effusion. No pneumothorax.", f"5,8,PA,{licence},two.jpg,{now}",
        f"5,9,L,{licence},three.jpg,Lateral.", f"6,1,AP,{licence},one.png,", f"6,2,AP,{licence},two.jpg,",
    ]  # fmt: skip
    return collection(tmp_path, "metadata.csv", [COVID, *rows], ["one", "two", "three"])


def test_covid_notes_tell_findings_and_course(tmp_path):
    (pair,) = covid_pairs(covid(tmp_path))
    assert (pair.key, pair.days, pair.patient) == ("covid-one-two", 5, "covid-5")
    assert pair.progression[at("pleural effusion")] == WORSENED and pair.known[at("pneumothorax")]
    assert not pair.known[at("cardiomegaly")] and not pair.known[at("no finding")]


@pytest.mark.parametrize(
    "licence", ["", " ", "CC BY-NC-SA", "CC BY-NC-ND 4.0", "CC BY-ND 4.0", "listed as authorized for everyone"]
)
def test_films_whose_licence_does_not_permit_it_are_not_used(tmp_path, licence):
    assert list(covid_pairs(covid(tmp_path, licence))) == [] and not is_permitted(licence)


@pytest.mark.parametrize("licence", ["CC0", "CC0 1.0", "CC BY", "CC BY 3.0", "CC BY-SA 4.0", "Apache 2.0", "MIT"])
def test_licences_that_permit_it(licence):
    assert is_permitted(licence)


@pytest.mark.parametrize(
    ("notes", "progression"),
    [
        ("The right pleural effusion has improved.", IMPROVED), ("Stable right pleural effusion.", UNCHANGED),
        ("Increasing right pleural effusion.", WORSENED), ("There is a pleural effusion.", UNSTATED),
        ("The pleural effusion has increased. The pleural effusion has decreased.", UNSTATED),
        ("Increasing dyspnea and a pleural effusion.", UNSTATED),
        ("There is a pleural effusion. Fever has increased.", UNSTATED),
    ],
)  # fmt: skip
def test_words_of_change_near_a_finding(notes, progression):
    assert truth_in_notes("There is a pleural effusion.", notes).progression[at("pleural effusion")] == progression


@pytest.mark.parametrize(
    ("read", "table"),
    [(lambda d: nih_pairs(d, "train"), "pairs.csv"), (covid_pairs, "metadata.csv"), (hannover_pairs, "data.csv")],
)
def test_another_directory_is_refused_in_one_sentence(tmp_path, read, table):
    with pytest.raises(UsageError, match=rf"^The directory of pairs has no {table}\.$"):
        list(read(tmp_path))
    (tmp_path / table).write_text("id\n")
    with pytest.raises(UsageError, match="lacks columns"):
        list(read(tmp_path))


@pytest.mark.skipif(not (DATA / "nih").is_dir(), reason="the films are not here")
def test_no_patient_of_nih_is_on_both_sides():
    sides = [{one.patient for one in read_follow_ups(DATA / "nih", split)} for split in ("train", "held out")]
    assert all(sides) and not sides[0] & sides[1]


@pytest.mark.skipif(not (DATA / "hannover").is_dir(), reason="the films are not here")
def test_real_follow_ups_without_labels():
    pairs = list(hannover_pairs(DATA / "hannover"))
    assert len(pairs) > 90 and all(pair.days > 0 for pair in pairs)
    assert list(covid_pairs(DATA / "covid-longitudinal")) == []  # its free films are those of Hannover, without notes
