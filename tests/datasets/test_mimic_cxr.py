"""A directory laid out as MIMIC-CXR's is, and what can be wrong with one."""

from collections import Counter

import numpy as np
import pytest
from builders.collections import draw, mimic_folder, mimic_labels, mimic_rows, write_mimic, write_table

from cxrreport.datasets.directory import DirectoryReader
from cxrreport.engine.local import LocalEngine
from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS
from cxrreport.model.config import BLANK, POSITIVE, UNCERTAIN

STUDIES = [
    (10000032, 50000001, "train", ("PA", "LATERAL")),
    (10000032, 50000002, "train", ("AP",)),
    (11000001, 50000003, "validate", ("AP", "PA")),
    (19000007, 50000004, "test", ("LL", "PA")),
    (12000005, 50000005, "train", ("LATERAL", "", "LPO")),
]
SPLIT, METADATA = (f"mimic-cxr-2.0.0-{name}.csv" for name in ("split", "metadata"))


@pytest.fixture()
def directory(tmp_path):
    write_mimic(tmp_path, STUDIES)
    return tmp_path


def state_of(sample, finding):
    return sample.states[FINDINGS.index(finding)]


def test_every_split_has_its_studies_with_both_views_and_the_sections_of_the_report(directory):
    read = DirectoryReader("mimic-cxr", directory)
    train, val, test = (read(split) for split in ("train", "val", "test"))
    assert [s.patient for s in train] == ["10000032"] * 2
    assert [s.patient for s in val] == ["11000001"] and [s.patient for s in test] == ["19000007"]
    assert [s.present.tolist() for s in (*train, *val, *test)] == [
        [True, True],
        [True, False],
        [True, False],
        [True, True],
    ]
    first = train[0]
    assert first.target == "the heart is enlarged ."  # what lost a name says nothing
    assert first.summary == "cardiomegaly ." and first.indication.endswith("cough // eval for pneumonia")
    assert state_of(first, "cardiomegaly") == POSITIVE and first.pixels[0].std() > 10
    assert read.skipped == Counter({"study.no_frontal": 1})


def test_keys_name_rows_and_no_patient(directory):
    keys = [s.key for s in DirectoryReader("mimic-cxr", directory)("train")]
    assert keys == ["mimic-cxr-1", "mimic-cxr-3"]


def test_packed_tables_give_the_same(directory, tmp_path_factory):
    packed = tmp_path_factory.mktemp("packed")
    write_mimic(packed, STUDIES, "csv.gz")
    ours, theirs = (DirectoryReader("mimic-cxr", place)("train") for place in (directory, packed))
    assert [(s.key, s.report) for s in ours] == [(s.key, s.report) for s in theirs]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(ours, theirs, strict=True))


def test_labels_of_others_are_taken_where_they_are_asked_for(directory):
    rows = [mimic_labels(10000032, 50000001, edema=1.0, cardiomegaly=-1.0), mimic_labels(10000032, 50000009, edema=0.0)]
    write_table(directory / "mimic-cxr-2.0.0-chexpert.csv", rows)
    read = DirectoryReader("mimic-cxr-chexpert", directory)
    (only,) = read("train")
    assert (state_of(only, "edema"), state_of(only, "cardiomegaly")) == (POSITIVE, UNCERTAIN)
    assert (only.states == BLANK).sum() == 12
    assert read.skipped["label.missing"] == 2  # 50000002, and one without a frontal image
    with pytest.raises(UsageError, match=r"has no mimic-cxr-2\.0\.0-negbio\.csv"):
        DirectoryReader("mimic-cxr-negbio", directory)("train")


@pytest.mark.parametrize(
    ("cell", "state"), [("1.00", POSITIVE), ("1", POSITIVE), ("-1.0", UNCERTAIN), ("", BLANK), ("2", None), ("x", None)]
)
def test_a_label_is_a_number_however_it_is_written(directory, cell, state):
    rows = [mimic_labels(10000032, study, edema=cell) for study in (50000001, 50000002)]
    write_table(directory / "mimic-cxr-2.0.0-chexpert.csv", rows)
    read = DirectoryReader("mimic-cxr-chexpert", directory)
    assert [state_of(s, "edema") for s in read("train")] == ([] if state is None else [state] * 2)


def test_a_lateral_image_that_cannot_be_read_is_counted_and_the_frontal_one_taken(directory):
    (mimic_folder(directory, 10000032) / "s50000001" / "50000001-1.jpg").write_bytes(b"no image")
    read = DirectoryReader("mimic-cxr", directory)
    assert [s.present.tolist() for s in read("train")] == [[True, False]] * 2
    assert read.skipped == Counter({"film.lateral": 1, "study.no_frontal": 1})


def test_the_largest_frontal_image_is_taken(directory):
    split, metadata = mimic_rows([(10000032, 50000001, "train", ("AP", "AP"))])
    metadata[1]["Rows"] = 200
    for path, rows in ((SPLIT, split), (METADATA, metadata)):
        write_table(directory / path, rows)
    folder = mimic_folder(directory, 10000032) / "s50000001"
    draw(folder / "50000001-1.jpg", 77)
    (taken,) = DirectoryReader("mimic-cxr", directory)("train")
    for name in ("50000001-0.jpg", "50000001-1.jpg"):
        (folder / name).unlink()
    draw(folder / "50000001-1.jpg", 77)
    (again,) = DirectoryReader("mimic-cxr", directory)("train")
    assert np.array_equal(taken.pixels, again.pixels)


def test_no_more_studies_are_read_than_are_taken(directory):
    (mimic_folder(directory, 10000032) / "s50000002" / "50000002-0.jpg").write_bytes(b"no image")
    read = DirectoryReader("mimic-cxr", directory)
    assert len(read("train", limit=1)) == 1 and not read.skipped
    assert read("train", only=["mimic-cxr-3"]) == [] and read.skipped["film.unreadable"] == 1


def test_child_processes_read_the_same(directory):
    here = DirectoryReader("mimic-cxr", directory)("train")
    there = DirectoryReader("mimic-cxr", directory, LocalEngine(1, 60, 4096))("train")
    assert [s.key for s in here] == [s.key for s in there]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(here, there, strict=True))


def _without_image(directory):
    (mimic_folder(directory, 10000032) / "s50000002" / "50000002-0.jpg").unlink()


def _cut_image(directory):
    image = mimic_folder(directory, 10000032) / "s50000002" / "50000002-0.jpg"
    image.write_bytes(image.read_bytes()[:400])


def _without_report(directory):
    (mimic_folder(directory, 10000032) / "s50000002.txt").unlink()


def _empty_report(directory):
    (mimic_folder(directory, 10000032) / "s50000002.txt").write_text("FINAL REPORT\n")


def _impression_alone(directory):
    (mimic_folder(directory, 10000032) / "s50000002.txt").write_text("IMPRESSION: No acute disease.\n")


def _german_report(directory):
    said = "FINDINGS: Herz normal gross. Kein Pneumothorax, kein Erguss rechts. Keine Infiltrate.\n"
    (mimic_folder(directory, 10000032) / "s50000002.txt").write_text(said)


def _endless_report(directory):
    (mimic_folder(directory, 10000032) / "s50000002.txt").write_text("The heart is enlarged. " * 60_000)


def _rewrite(directory, name, row, **changes):
    split, metadata = mimic_rows(STUDIES)
    rows = {SPLIT: split, METADATA: metadata}[name]
    rows[row].update(changes)
    write_table(directory / name, rows)


def _unknown_split(directory):
    _rewrite(directory, SPLIT, 2, split="dev")


def _without_metadata(directory):
    _rewrite(directory, METADATA, 2, dicom_id="another")


def _escaping_study(directory):
    _rewrite(directory, METADATA, 2, study_id="50000002/../../p10000033/s50000002")


def _escaping_image(directory):
    for name in (SPLIT, METADATA):
        _rewrite(directory, name, 2, dicom_id="../../../../../etc/passwd")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (_without_image, "film.unreadable"), (_cut_image, "film.unreadable"), (_without_report, "report.unreadable"),
        (_empty_report, "report.empty"), (_impression_alone, "report.empty"), (_endless_report, "report.too_large"),
        (_german_report, "report.language"), (_unknown_split, "split.unknown"), (_without_metadata, "film.missing"),
        (_escaping_study, "row.malformed"), (_escaping_image, "row.malformed"),
    ],
)  # fmt: skip
def test_one_bad_study_costs_itself_alone(directory, damage, code):
    damage(directory)
    read = DirectoryReader("mimic-cxr", directory)
    assert [s.key for s in read("train")] == ["mimic-cxr-1"]
    assert read.skipped == Counter({code: 1, "study.no_frontal": 1})


def test_images_that_are_named_twice_make_no_second_study(directory):
    split, metadata = mimic_rows([STUDIES[0], STUDIES[0]])
    write_table(directory / SPLIT, split)
    write_table(directory / METADATA, metadata)
    assert [s.key for s in DirectoryReader("mimic-cxr", directory)("train")] == ["mimic-cxr-1"]


def test_a_cut_or_missing_table_ends_it_without_a_path(directory):
    (directory / METADATA).unlink()
    read = DirectoryReader("mimic-cxr", directory)
    with pytest.raises(UsageError, match=rf"^The MIMIC-CXR directory has no {METADATA}\.$"):
        read("train")
    write_table(directory / f"{METADATA}.gz", mimic_rows(STUDIES)[1])
    packed = directory / f"{METADATA}.gz"
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(UsageError, match="or is cut short"):
        read("train")
    packed.write_bytes(b"no gzip")
    with pytest.raises(UsageError, match="is no CSV"):
        read("train")
    write_table(directory / METADATA, [{"dicom_id": "a"}])
    with pytest.raises(UsageError, match="lacks columns: ViewPosition, study_id, subject_id"):
        read("train")
