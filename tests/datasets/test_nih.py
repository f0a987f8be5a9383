import numpy as np
import pytest
from builders.data import DATA
from PIL import Image

from cxrreport.datasets.nih import nih_findings, read_nih, read_nih_films, split_of
from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS
from cxrreport.records import View

NIH = DATA / "nih"
NEVER_TOLD = {"enlarged cardiomediastinum", "fracture", "support devices"}
KEPT, HELD = "1", "11"


def _told(*labels):
    """(positive, absent, unknown) findings."""
    positive, known = nih_findings(set(labels))
    of = lambda flags: {f for f, flag in zip(FINDINGS, flags, strict=True) if flag}  # noqa: E731
    return of(positive & known), of(known & ~positive), of(~known)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("Effusion|Infiltration|Pleural_Thickening|Nodule", "pleural effusion|lung opacity|pleural other|lung lesion"),
        ("No Finding", "no finding"),
    ],
)
def test_labels_in_our_words(labels, words):
    positive, absent, unknown = _told(*labels.split("|"))
    assert positive == set(words.split("|"))
    assert unknown == NEVER_TOLD and absent == set(FINDINGS) - positive - unknown


@pytest.mark.parametrize(
    ("label", "implied"),
    [
        ("Pneumonia", {"consolidation", "lung opacity"}), ("Consolidation", {"lung opacity"}),
        ("Atelectasis", {"lung opacity"}), ("Edema", {"lung opacity"}), ("Mass", {"lung opacity"}),
        ("Fibrosis", {"lung opacity"}), ("Pneumothorax", set()),
    ],
)  # fmt: skip
def test_what_a_label_implies_is_unknown_until_it_is_labelled(label, implied):
    assert _told(label)[2] == NEVER_TOLD | implied
    both = _told(label, "Infiltration")
    assert "lung opacity" in both[0] and both[2] == NEVER_TOLD | implied - {"lung opacity"}


@pytest.mark.parametrize("label", ["Emphysema", "Hernia", "Fibrosis"])
def test_a_label_without_a_word_of_ours_is_abnormal_all_the_same(label):
    positive, absent, _ = _told(label)
    assert positive == set() and "no finding" in absent


def _collection(directory, rows):
    (directory / "images").mkdir()
    rng = np.random.default_rng(0)
    for row in rows:
        film = Image.fromarray(rng.integers(0, 256, (50, 40), dtype=np.uint8))
        film.save(directory / "images" / f"{row.split(',')[0]}.jpg")
    (directory / "labels.csv").write_text("\n".join(["id,patient,labels", *rows]) + "\n")


def test_the_films_of_a_patient_are_on_one_side(tmp_path):
    assert split_of(HELD) == "held out" and split_of(KEPT) != "held out"
    _collection(tmp_path, [f"a,{KEPT},Mass", f"b,{HELD},Edema", f"c,{KEPT},No Finding", f"d,{KEPT},"])
    train, held = list(read_nih(tmp_path, "train")), list(read_nih(tmp_path, "held out"))
    assert [f.key for f in train] == ["nih-a", "nih-c"] and [f.key for f in held] == ["nih-b"]
    film = train[0]
    assert film.pixels.shape == (2, 256, 256) and film.pixels.dtype == np.uint8 and film.pixels[0].std() > 0
    assert film.present.tolist() == [True, False] and not film.pixels[1].any()
    assert film.positive[FINDINGS.index("lung lesion")] and not film.known[FINDINGS.index("fracture")]


def test_one_patient_in_five_is_held_out_and_one_kept_to_calibrate_on():
    splits = [split_of(str(number)) for number in range(4000)]
    assert set(splits) == {"train", "val", "held out"}
    assert all(0.18 < splits.count(split) / 4000 < 0.22 for split in ("val", "held out"))


def test_the_view_is_told_where_the_table_tells_it(tmp_path):
    _collection(tmp_path, [f"a,{KEPT},Mass", f"b,{KEPT},Mass"])
    table = tmp_path / "labels.csv"
    assert [film.view for film in read_nih(tmp_path, "train")] == [View.FRONTAL] * 2
    rows = zip(table.read_text().splitlines(), ("view", "AP", "?"), strict=True)
    table.write_text("".join(f"{row},{view}\n" for row, view in rows))
    assert [film.view for film in read_nih(tmp_path, "train")] == [View.AP, View.FRONTAL]


def test_sex_and_age_are_told_before_an_image_is_opened(tmp_path):
    rows = [f"a,{KEPT},Mass,F,61", f"b,{KEPT},Edema,,", f"c,{KEPT},Edema,,{'9' * 5000}"]
    (tmp_path / "labels.csv").write_text("\n".join(["id,patient,labels,sex,age", *rows]) + "\n")
    assert [(film.sex, film.age) for film in read_nih_films(tmp_path, "train")] == [("F", 61)] + 2 * [("", None)]


def test_another_directory_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no labels\.csv"):
        list(read_nih(tmp_path, "train"))
    (tmp_path / "labels.csv").write_text("id,labels\n")
    with pytest.raises(UsageError, match="lacks columns: patient"):
        list(read_nih(tmp_path, "train"))


def test_an_image_that_cannot_be_read_is_told_by_its_row(tmp_path):
    _collection(tmp_path, [f"a,{HELD},Mass", f"b,{KEPT},Mass", f"c,{KEPT},Mass"])
    (tmp_path / "images" / "c.jpg").unlink()
    films = read_nih(tmp_path, "train")
    assert next(films).key == "nih-b"
    with pytest.raises(UsageError, match=r"^The film of row 3 of labels\.csv cannot be read\.$"):
        next(films)


@pytest.mark.skipif(not NIH.is_dir(), reason="the films are not here")
def test_every_label_of_the_collection_is_one_we_know():
    rows = (NIH / "labels.csv").read_text().splitlines()[1:]
    labels = {label for row in rows for label in row.split(",")[6].split("|")}
    told = {label: nih_findings({label})[0].any() for label in labels}
    assert {label for label, positive in told.items() if not positive} == {"Emphysema", "Fibrosis", "Hernia"}
