import csv

import pytest
from builders.data import data

from cxrreport.reports.language import is_english

FOREIGN = [
    "Herz normal groß. Kein Pneumothorax, kein Pleuraerguss. Keine Infiltrate. Zwerchfelle glatt.",
    "Röntgen Thorax in zwei Ebenen. Rückläufiger Pleuraerguss rechts. Trachealtubus in situ. Atelektase links basal.",
    "Silhouette cardiaque de taille normale. Pas d'épanchement pleural. Opacité du lobe inférieur droit.",
    "Pas de foyer parenchymateux. Coeur de volume normal. Transparence pulmonaire normale. Pas de lésion osseuse.",
    "Silueta cardiaca de tamaño normal. No se observan infiltrados ni derrame pleural. Opacidad en el lóbulo inferior.",
    "Cardiomegalia. Redistribución vascular pulmonar. Atelectasias laminares en bases. No neumotórax.",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_german_french_and_spanish_are_told(text):
    assert is_english(text) is False


def test_too_short_a_text_tells_nothing():
    assert is_english("Unauffaelliger Befund.") is None and is_english("No acute cardiopulmonary abnormality.") is None


@pytest.mark.parametrize(
    "text", ["Heart size normal. No pneumothorax. Lungs clear.", "Normal chest.", "", "Opacity of the left lower lobe."]
)
def test_english_and_what_is_too_short_pass(text):
    assert is_english(text) is not False


def test_real_english_reports_pass():
    with data("iu-xray", "studies.csv").open(newline="", encoding="utf-8") as table:
        texts = [f"{row['findings']} {row['impression']}" for row in csv.DictReader(table) if row["split"] == "val"]
    assert len(texts) > 200 and not any(is_english(text) is False for text in texts)
