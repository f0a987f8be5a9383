import csv

import pytest
from builders.data import data

from cxrreport.reports.language import is_english, is_english_report

FOREIGN = [
    "Herz normal groß. Kein Pneumothorax, kein Pleuraerguss. Keine Infiltrate. Zwerchfelle glatt.",
    "Röntgen Thorax in zwei Ebenen. Rückläufiger Pleuraerguss rechts. Trachealtubus in situ. Atelektase links basal.",
    "Silhouette cardiaque de taille normale. Pas d'épanchement pleural. Opacité du lobe inférieur droit.",
    "Pas de foyer parenchymateux. Coeur de volume normal. Transparence pulmonaire normale. Pas de lésion osseuse.",
    "Silueta cardiaca de tamaño normal. No se observan infiltrados ni derrame pleural. Opacidad en el lóbulo inferior.",
    "Silhouette cardiaque de taille normale. Contours médiastinaux normaux. Pas d'épanchement ni de pneumothorax.",
    "Pas de foyer de consolidation dans les lobes supérieurs. Absence de pneumothorax.",
    "Cordul are dimensiuni normale. Fara leziuni pleuropulmonare active. Fara pneumothorax.",
    "Geen pneumothorax of pleuravocht. Hartgrootte normaal, geen infiltraat zichtbaar. Het is been geen fractuur.",
    "Se observa que has derrame pleural. El size cardiaco normal. Sin infiltrados ni pneumothorax.",
    "Walang pneumothorax. May kaunting tubig sa kaliwa ng baga ngunit malinaw ang kanan.",
    "Hjertet er normalt. Ingen pneumothorax. Intet infiltrat, ingen pleuravæske. Uden fraktur.",
    "Serce niepowiększone. Bez cech pneumothorax. Płuca bez zmian ogniskowych. Nie stwierdzono płynu.",
    "Cardiomegalia. Redistribución vascular pulmonar. Atelectasias laminares en bases. No neumotórax.",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_other_languages_are_told(text):
    assert is_english(text) is False


def test_too_short_a_text_tells_nothing():
    assert is_english("Unauffaelliger Befund.") is None and is_english("No acute cardiopulmonary abnormality.") is None


@pytest.mark.parametrize(
    "text",
    [
        "Heart size normal. No pneumothorax. Lungs clear.",
        "Normal chest.",
        "",
        "Opacity of the left lower lobe.",
        "No consolidation, pneumothorax or pleural fluid. Normal cardiomediastinal silhouette. Osseous structures intact.",
        "ETT 4 cm above carina. NGT below diaphragm. Stable bibasilar atelectasis. No pneumothorax.",
        "Right IJ catheter tip in proximal right atrium. No pneumothorax.",
        "Cardiomegaly. Small left effusion. No pneumothorax. No edema. Old rib fracture.",
        "ET tube and OG tube in place. LA enlargement. En bloc resection, de novo fracture seen.",
    ],
)
def test_english_and_what_is_too_short_pass(text):
    assert is_english(text) is not False


ENGLISH = "The heart is normal in size. The lungs are clear, without an effusion."


def test_a_short_section_in_another_language_is_told_by_its_small_words():
    assert is_english_report("Kein Pneumothorax. Kein Erguss.", "Keine Pneumonie.") is False
    assert is_english_report(ENGLISH, "Pas d'anomalie.") is False


@pytest.mark.parametrize("foreign", FOREIGN)
def test_one_section_in_another_language_makes_the_report_one(foreign):
    assert is_english_report(ENGLISH, foreign) is False and is_english_report(foreign, ENGLISH) is False
    assert is_english_report(foreign, "") is False and is_english_report(foreign, "No acute disease.") is False


def test_sections_that_are_short_are_judged_together():
    assert is_english_report("Kein Pneumothorax. Herz normal.", "Keine Stauung, keine Infiltrate.") is False
    assert is_english_report("No pneumothorax. Normal heart size.", "The lungs are clear.") is True
    assert is_english_report("Normal heart.", "Clear lungs.") is None
    assert is_english_report(ENGLISH, "Normal.") is True


def test_real_english_reports_pass():
    with data("iu-xray", "studies.csv").open(newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["split"] in ("train", "val")]
    assert len(rows) > 2000
    assert not any(is_english_report(row["findings"], row["impression"]) is False for row in rows)
