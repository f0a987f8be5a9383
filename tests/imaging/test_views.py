import dataclasses

import builders.dicom as builders
import pytest
from builders.store import make_instance

from cxrreport.imaging.views import origin_of, says_chest, screen, view_from_tags
from cxrreport.records import Origin, View

BLANK = make_instance(
    sop_class_uid=builders.CR, modality="CR", photometric="MONOCHROME2", rows=2000, columns=2000, sex=""
)
CT = "1.2.840.10008.5.1.4.1.1.2"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def image(**tags):
    return dataclasses.replace(BLANK, **tags)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"modality": "DX", "sop_class_uid": builders.DX},
        {"modality": "", "sop_class_uid": CAPTURE},
        {"modality": "OT", "sop_class_uid": CAPTURE},
        {"modality": "RG"},
        {"sop_class_uid": "1.3.46.670589.2"},
        {"photometric": "MONOCHROME1"},
        *({"body_part": part} for part in ("CHEST", "THORAX", "RIBCAGE", "PORTABLE CHEST", "CHEST_TO_PELVIS")),
        {"body_part": "EXTREMETY"},
        {"body_part": "ABDOMEN", "series_description": "Chest PA"},
        {"study_description": "Chest and abdomen"},
        {"study_description": "No Finding"},
        {"series_description": "W033 TH PA"},
        {"body_part": "SHOULDER", "study_description": "CHEST 2 VIEWS"},
        {"body_part": "SCHULTER", "series_description": "Thorax p.a."},
        {"study_description": "Röntgen-Abteilung", "series_description": "Face"},  # a frontal film in French
    ],
)
def test_a_chest_image_is_never_dropped_for_a_blank_or_odd_tag(tags):
    assert screen(image(**tags)) is None


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"modality": "CT"}, "modality"),
        ({"modality": "MG"}, "modality"),
        ({"modality": "", "sop_class_uid": CT}, "modality"),
        ({"modality": "OT", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.12.1"}, "modality"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1.1"}, "raw"),
        ({"sop_class_uid": builders.DX, "presentation_intent": "FOR PROCESSING"}, "raw"),
        ({"samples_per_pixel": 3, "photometric": "RGB"}, "colour"),
        ({"frames": 20}, "frames"),
        ({"image_type": "ORIGINAL\\PRIMARY\\LOCALIZER"}, "localizer"),
        ({"rows": 100}, "small"),
        ({"modality": "RG", "body_part": "BREAST", "view_position": "MLO"}, "body_part"),
        ({"modality": "RG", "view_position": "MLO"}, "body_part"),
        ({"body_part": "HIP"}, "body_part"),
        ({"body_part": "EXTREMITY", "study_description": "fibroma of distal tibia"}, "body_part"),
        ({"body_part": "TSPINE"}, "body_part"),
        ({"series_description": "Left knee AP"}, "body_part"),
        ({"study_description": "X-ray abdomen KUB"}, "body_part"),
        ({"study_description": "Beckenübersicht, Darstellung a.p."}, "body_part"),
        *(
            ({"series_description": words}, "body_part")
            for words in ("Hüfte links", "HUEFTE", "Kniegelenk", "Genou F+P")
        ),
        *(({"body_part": part}, "body_part") for part in ("BECKEN", "BASSIN", "HANCHE", "CADERA", "RODILLA", "MUÑECA")),
    ],
)
def test_what_names_something_else_is_dropped(tags, reason):
    assert screen(image(**tags)) == reason


@pytest.mark.parametrize(
    ("sop_class", "image_type", "words", "origin"),
    [
        (builders.DX, "ORIGINAL\\PRIMARY", (), Origin.ORIGINAL),
        (builders.CR, "", ("CHEST PA", "Thorax"), Origin.ORIGINAL),
        (builders.DX, "DERIVED\\PRIMARY", (), Origin.DERIVED),
        (builders.DX, "DERIVED\\SECONDARY", (), Origin.CAPTURED),
        (CAPTURE, "ORIGINAL\\PRIMARY", (), Origin.CAPTURED),
        (builders.DX, "DERIVED\\PRIMARY\\\\BONE", (), Origin.SUBTRACTED),
        *(
            (builders.DX, "ORIGINAL\\PRIMARY", ("", words), Origin.SUBTRACTED)
            for words in ("PA Soft Tissue", "PA dual-energy", "Weichteilbild", "BONE SUPPRESSED")
        ),
        (builders.DX, "", ("Backbone view",), Origin.ORIGINAL),
    ],
)
def test_how_an_image_came_about(sop_class, image_type, words, origin):
    assert origin_of(sop_class, image_type, words) is origin


@pytest.mark.parametrize(
    ("tags", "chest"),
    [
        ({"body_part": "CHEST"}, True),
        ({"study_description": "Tórax AP"}, True),
        ({"series_description": "LUNGENAUFNAHME"}, True),
        ({"protocol": "Rx pulmonaire"}, True),
        ({}, False),
        ({"view_position": "AP", "series_description": "AP"}, False),
        ({"study_description": "Manchester, Abteilung Darstellung"}, False),
        ({"series_description": "Thoracic spine"}, False),
        ({"body_part": "SHOULDER", "study_description": "CHEST 2 VIEWS"}, False),
        ({"body_part": "CHEST", "series_description": "Knie links"}, False),
    ],
)
def test_only_words_for_the_chest_alone_say_so(tags, chest):
    assert says_chest(image(**tags)) is chest


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({"view_position": "AP"}, View.AP),
        ({"view_position": "AP SUPINE"}, View.AP),
        *(({"view_position": text}, View.LATERAL) for text in ("LL", "RL", "LATERAL", "LAT", "LARGE LATERAL", "ll")),
        ({"view_position": "PA", "sop_class_uid": builders.DX}, View.PA),
        ({"view_position": "PA", "series_description": "view: PA"}, View.PA),
        ({"series_description": "Chest a.p. portable"}, View.AP),
        ({"protocol": "THORAX LAT"}, View.LATERAL),
        ({"series_description": "CHEST FRONTAL"}, View.FRONTAL),
        ({"series_description": "CHEST FRONTAL", "view_position": "AP"}, View.AP),
        ({"series_description": "Lordotic"}, View.OTHER),
        ({"patient_orientation": "A\\F"}, View.LATERAL),
        ({"patient_orientation": "P\\F"}, View.LATERAL),
    ],
)
def test_tags_that_state_the_view_are_believed(tags, view):
    guess = view_from_tags(image(**tags))
    assert guess is not None and (guess.view, guess.source, guess.probability) == (view, "tags", 1.0)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"view_position": "PA"},  # the default of CR readers, laterals included
        {"patient_orientation": "L\\F"},
        {"series_description": "PA and lateral"},
        {"view_position": "PA", "series_description": "Lateral", "sop_class_uid": builders.DX},
        {"view_position": "LL", "series_description": "Chest PA"},
        {"view_position": "AP", "series_description": "Chest PA"},
        {"view_position": "AP", "patient_orientation": "A\\F"},
        {"view_position": "XX"},
        {"series_description": "PALLIATIVE CAPTION"},
    ],
)
def test_silent_or_contradicting_tags_state_nothing(tags):
    assert view_from_tags(image(**tags)) is None
