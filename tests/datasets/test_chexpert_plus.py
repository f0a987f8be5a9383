"""A directory laid out as CheXpert Plus is, and what can be wrong with one."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from builders.collections import chexpert_row, draw, write_table
from builders.dicom import write_dicom
from PIL import Image

from cxrreport.datasets.directory import DirectoryReader
from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS
from cxrreport.model.config import POSITIVE

TABLE = "df_chexpert_plus_240401.csv"
FRONTAL, LATERAL = "view1_frontal.jpg", "view2_lateral.jpg"
IMAGES = [
    f"train/patient1/study1/{FRONTAL}",
    f"train/patient2/study3/{FRONTAL}",
    f"train/patient1/study1/{LATERAL}",
    f"valid/patient64541/study1/{FRONTAL}",
]


@pytest.fixture()
def directory(tmp_path):
    write_table(tmp_path / TABLE, [chexpert_row(image) for image in IMAGES])
    for number, image in enumerate(IMAGES):
        draw(tmp_path / "PNG" / Path(image).with_suffix(".png"), number, lateral="lateral" in image)
    return tmp_path


def _table(directory, **changes):
    """The table with the second row changed."""
    rows = [chexpert_row(image) for image in IMAGES]
    write_table(directory / TABLE, [rows[0], {**rows[1], **changes}, *rows[2:]])


def test_images_of_a_study_are_brought_together_and_sections_taken_from_the_table(directory):
    read = DirectoryReader("chexpert-plus", directory)
    train, val = read("train"), read("val")
    assert [(s.key, s.patient) for s in train] == [("chexpert-plus-1", "patient1"), ("chexpert-plus-2", "patient2")]
    assert [s.present.tolist() for s in train] == [[True, True], [True, False]]
    assert [s.key for s in val] == ["chexpert-plus-4"] and read("test") == [] and not read.skipped
    first = train[0]
    assert first.target == "there is mild pulmonary edema ." and first.indication == "Dyspnea, evaluate for edema."
    assert first.states[FINDINGS.index("edema")] == POSITIVE and first.summary == "mild edema ."


def test_a_report_that_the_table_has_not_cut_is_cut_here(directory):
    text = "CLINICAL HISTORY: Fever.\nFINDINGS: There is a small left pleural effusion.\nIMPRESSION: Effusion."
    empty = dict.fromkeys(("section_findings", "section_impression", "section_clinical_history"), "")
    _table(directory, report=text, **empty)
    second = DirectoryReader("chexpert-plus", directory)("train")[1]
    assert second.target == "there is a small left pleural effusion ." and second.indication == "Fever."


def test_dicom_and_16_bit_images_are_read_as_the_8_bit_one(directory):
    place = directory / "PNG" / "train" / "patient2" / "study3" / "view1_frontal.png"
    grey = np.asarray(Image.open(place))

    def read():
        return DirectoryReader("chexpert-plus", directory)("train")[1].pixels[0].astype(int)

    plain = read()
    Image.fromarray(grey.astype(np.uint16) * 200).save(place)
    assert np.abs(read() - plain).max() <= 2
    place.unlink()
    dicom = directory / "DICOM" / "train" / "patient2" / "study3" / "view1_frontal.dcm"
    dicom.parent.mkdir(parents=True)
    write_dicom(dicom, grey.astype(np.uint16) * 16)
    assert np.abs(read() - plain).max() <= 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"section_findings": "  "}, "report.empty"),
        ({"section_findings": "", "section_impression": ""}, "report.empty"),
        (
            {"section_findings": "Kein Pneumothorax, kein Erguss rechts. Das Herz ist nicht vergroessert."},
            "report.language",
        ),
        ({"frontal_lateral": "Lateral"}, "study.no_frontal"),
        ({"frontal_lateral": ""}, "study.no_frontal"),
        ({"path_to_image": f"train/patient9/study3/{FRONTAL}"}, "film.unreadable"),
        ({"path_to_image": f"train/../../patient2/study3/{FRONTAL}"}, "row.malformed"),
        ({"path_to_image": "/etc/passwd"}, "row.malformed"),
        ({"path_to_image": ""}, "row.malformed"),
    ],
)
def test_one_bad_row_costs_itself_alone(directory, changes, code):
    _table(directory, **changes)
    read = DirectoryReader("chexpert-plus", directory)
    assert [s.key for s in read("train")] == ["chexpert-plus-1"] and read.skipped == Counter({code: 1})


def test_a_row_that_comes_twice_makes_no_second_study(directory):
    write_table(directory / TABLE, [chexpert_row(image) for image in (*IMAGES, *IMAGES)])
    assert len(DirectoryReader("chexpert-plus", directory)("train")) == 2


def test_a_table_that_is_none_is_refused(directory):
    (directory / TABLE).write_text("path_to_image\n")
    read = DirectoryReader("chexpert-plus", directory)
    with pytest.raises(UsageError, match="lacks columns: frontal_lateral, report, section_findings"):
        read("train")
    (directory / TABLE).unlink()
    with pytest.raises(UsageError, match=rf"^The CheXpert Plus directory has no {TABLE}\.$"):
        read("train")
