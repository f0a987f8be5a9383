"""What the tags say of an image: is it a chest radiograph, and which view. Pixels are asked elsewhere.

The rules were measured on 7,469 real headers of chest images. There, View Position "PA" of computed radiography (CR)
readers is no more than their default: 47 % of those images are lateral images. So a bare PA is believed of digital
radiography only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from cxrreport.records import GREY, Instance, Origin, View, ViewGuess

_MIN_SIDE_PIXELS = 128
_MODALITIES = {"", "CR", "DX", "DR", "RG", "XR", "OT", "SC"}
_CR_CLASS = "1.2.840.10008.5.1.4.1.1.1"
_RAW_CLASS = "1.2.840.10008.5.1.4.1.1.1.1.1"  # Digital X-Ray Image Storage - For Processing
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_DX_CLASSES = {"1.2.840.10008.5.1.4.1.1.1.1", _RAW_CLASS}
_STANDARD_STORAGE = "1.2.840.10008.5.1.4.1.1."
# English, German, French and Spanish, without accents. Not chests: Manchester, Abteilung, Darstellung.
_CHEST = re.compile(
    r"CHEST(?!ER)|THORAX|TORAX|\bTHX\b|\bRIBS?\b|\bRIB ?CAGE|CAGE THORACIQUE|\bRIPPEN|\bCOSTILLAS?\b|\bLUNG|\bPULMON"
    r"|\bPOUMONS?\b|CXR"
)
_ELSEWHERE = re.compile(
    r"\b(BREAST|MAMM\w*|HIPS?|PELVIS|LEGS?|KNEES?|ANKLES?|FOOT|FEET|TOES?|CALCANEUS|HEEL|FEMUR|TIBIA|FIBULA|PATELLA"
    r"|EXTREMITY|EXTREMITIES|ARMS?|HANDS?|WRISTS?|ELBOWS?|SHOULDERS?|HUMERUS|FOREARM|RADIUS|ULNA|FINGERS?|THUMBS?|SCAPULA"
    r"|HEAD|SKULL|FACIAL|FACE BONES|ORBITS?|SINUS(ES)?|NASAL|JAW|MANDIBLE|TEETH|DENTAL|NECK|ABDOMEN|ABD|KUB|KIDNEYS?"
    r"|BLADDER|COLON|[CTL]? ?SPINE|[CTL]SPINE|SSPINE|SPINE|SACRUM|COCCYX|WHOLE ?BODY"
    r"|BECKEN\w*|HUE?FT\w*|KNIE\w*|SCHULTER\w*|ELL(EN)?BOGEN\w*|HANDGELENK\w*|SPRUNGGELENK\w*|FUSS\w*|ZEHEN?"
    r"|(OBER|UNTER)(SCHENKEL|ARM)\w*|SCHAE?DEL\w*|KIEFER\w*|[HBL]WS|WIRBELSAE?ULE\w*|BAUCH"
    r"|BASSIN|HANCHES?|GENOUX?|CHEVILLES?|PIEDS?|POIGNETS?|COUDES?|EPAULES?|JAMBES?|CUISSES?|DOIGTS?|CRANE|RACHIS"
    r"|CADERAS?|RODILLAS?|TOBILLOS?|MANOS?|MUNECAS?|CODOS?|HOMBROS?|PIERNAS?|MUSLOS?|BRAZOS?|DEDOS?|CRANEO|COLUMNA)\b"
)
_SUBTRACTED = re.compile(
    r"\bBONE\b|SOFT ?TISSUE|SUBTRACT|SUPPRESS|DUAL ?ENERGY|KNOCHEN|WEICHTEIL|PARTIES MOLLES|TEJIDOS? BLANDOS?"
)
_BREAST_VIEWS = {"MLO", "CC", "ML", "LM", "XCCL", "XCCM"}
_LATERAL_POSITIONS = {"LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT"}
_VIEW_WORDS = (
    (View.PA, re.compile(r"\bP\.?A\b|POSTERO ?ANTERIOR|POSTEROANTERIOR")),
    (View.AP, re.compile(r"\bA\.?P\b|ANTERO ?POSTERIOR|ANTEROPOSTERIOR")),
    (View.LATERAL, re.compile(r"\bLAT\b|\bLATERAL\b|\bLL\b|\bRL\b")),
    (View.FRONTAL, re.compile(r"\bFRONTAL\b")),
    (View.OTHER, re.compile(r"OBLIQUE|DECUB|LORDOTIC|\bOBL\b")),
)


def screen(instance: Instance) -> str | None:
    """Return why the image is no chest radiograph, or None to keep it.

    Reasons: modality, raw (for processing), colour, frames, localizer, small, body_part. A blank or an unheard-of tag
    never drops an image; only one that names something else does, and a word for the chest outweighs it.
    """
    checks = {
        "modality": _is_other_modality(instance),
        "raw": instance.sop_class_uid == _RAW_CLASS or _plain(instance.presentation_intent) == "FOR PROCESSING",
        "colour": instance.samples_per_pixel != 1 or instance.photometric.upper() not in GREY,
        "frames": instance.frames > 1,
        "localizer": bool(re.search(r"LOCALIZER|SCOUT", instance.image_type.upper())),
        "small": min(instance.rows, instance.columns) < _MIN_SIDE_PIXELS,
        "body_part": _is_other_body_part(instance),
    }
    return next((reason for reason, holds in checks.items() if holds), None)


def origin_of(sop_class_uid: str, image_type: str, words: Sequence[str]) -> Origin:
    """How an image came about, by its class, its Image Type (PS3.3 C.7.6.1.1.2) and the words of series and protocol."""
    kinds = [kind.strip().upper() for kind in image_type.split("\\")]
    if _SUBTRACTED.search(_plain(" ".join((*words, image_type)))):
        return Origin.SUBTRACTED
    if sop_class_uid.startswith(_SECONDARY_CAPTURE) or kinds[1:2] == ["SECONDARY"]:
        return Origin.CAPTURED
    return Origin.DERIVED if kinds[0] == "DERIVED" else Origin.ORIGINAL


def says_chest(instance: Instance) -> bool:
    """Return whether body part, descriptions or protocol name the chest and none of them names another part.

    Only then is a view that the tags state to be believed: a hip with blank tags has a View Position, too.
    """
    words = _plain(" ".join((instance.body_part, *_descriptions(instance))))
    return _CHEST.search(words) is not None and _ELSEWHERE.search(words) is None


def believed_view(instance: Instance) -> ViewGuess | None:
    """The view of the tags, of an image that they call a chest; else the pixels tell whether it is one. OTHER harms none."""
    guess = view_from_tags(instance)
    return guess if guess is None or guess.view is View.OTHER or says_chest(instance) else None


def view_from_tags(instance: Instance) -> ViewGuess | None:
    """Return the view that the tags state, or None where they are silent, ambiguous or contradict one another.

    View Position naming a lateral, or AP, is believed; PA only of digital radiography (DX) or where a description
    confirms it. Without View Position, the words of series description and protocol speak, then Patient Orientation:
    its first value names the direction of the rows, so anterior or posterior is a lateral image (PS3.3 C.7.6.1.1.1).
    Left or right there tells nothing: readers write it by default.
    """
    position = _view_from_position(instance.view_position)
    words = _view_from_words(f"{instance.series_description} {instance.protocol}")
    sideways = instance.patient_orientation.upper().split("\\")[0] in ("A", "P")
    stated = _one_view([view for view in (position, words) if view is not None])
    if stated is None:
        spoken = position is not None or words is not None
        return _guess(View.LATERAL) if sideways and not spoken else None
    if stated.is_frontal and sideways:
        return None
    if position is View.PA and words is None and instance.sop_class_uid not in _DX_CLASSES:
        return None
    return _guess(stated)


def _guess(view: View) -> ViewGuess:
    return ViewGuess(view, "tags", 1.0)


def _one_view(views: list[View]) -> View | None:
    """Return the most telling of views that agree; None where there is none or they contradict one another."""
    kinds = {View.FRONTAL if view.is_frontal else view for view in views}
    exact = {view for view in views if view is not View.FRONTAL}
    if len(kinds) != 1 or len(exact) > 1:
        return None
    return next(iter(exact or kinds))


def _view_from_position(text: str) -> View | None:
    tokens = set(re.split(r"[^A-Z]+", text.upper()))
    found = [View.PA] * ("PA" in tokens) + [View.AP] * ("AP" in tokens)
    found += [View.LATERAL] * bool(tokens & _LATERAL_POSITIONS)
    return _one_view(found) if found else _view_from_words(text)


def _view_from_words(text: str) -> View | None:
    plain = re.sub(r"[^A-Z.]+", " ", text.upper())
    return _one_view([view for view, pattern in _VIEW_WORDS if pattern.search(plain)])


def _is_other_modality(instance: Instance) -> bool:
    if instance.modality.upper() not in _MODALITIES:
        return True
    uid = instance.sop_class_uid
    radiograph = uid in {_CR_CLASS, _SECONDARY_CAPTURE} or uid in _DX_CLASSES
    return not (radiograph or uid.startswith(_SECONDARY_CAPTURE + ".")) and uid.startswith(_STANDARD_STORAGE)


def _is_other_body_part(instance: Instance) -> bool:
    body_part = _plain(instance.body_part)
    words = _plain(" ".join(_descriptions(instance)))
    if _CHEST.search(body_part) or _CHEST.search(words):
        return False
    if _plain(instance.view_position) in _BREAST_VIEWS or _ELSEWHERE.search(body_part):
        return True
    return not body_part and _ELSEWHERE.search(words) is not None


def _descriptions(instance: Instance) -> tuple[str, str, str]:
    return instance.series_description, instance.protocol, instance.study_description


def unaccented(text: str) -> str:
    """Capitals without their accents."""
    if text.isascii():
        return text.upper()
    return "".join(sign for sign in unicodedata.normalize("NFKD", text.upper()) if not unicodedata.combining(sign))


def _plain(text: str) -> str:
    """Capital letters A to Z alone; an accented letter loses its accent."""
    return re.sub(r"[^A-Z]+", " ", unaccented(text)).strip()
