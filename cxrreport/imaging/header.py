"""The header of one DICOM image: the tags that pairing, screening and the database need, bounded and checked."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from math import isfinite
from typing import Any

from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from cxrreport import indications
from cxrreport.dicom.opening import Head, NotDicomError, open_head
from cxrreport.dicom.prefix import Prefix, read_prefix
from cxrreport.errors import HeaderError
from cxrreport.imaging.views import origin_of, unaccented
from cxrreport.records import NOBODY, YEARS, FileEntry, Instance, names_nobody, visible

_TEXT_TAGS = {
    "sex": 0x00100040,
    "study_description": 0x00081030,
    "series_description": 0x0008103E,
    "institution": 0x00080080,
    "modality": 0x00080060,
    "body_part": 0x00180015,
    "view_position": 0x00185101,
    "patient_orientation": 0x00200020,
    "protocol": 0x00181030,
    "image_type": 0x00080008,
    "photometric": 0x00280004,
    "manufacturer": 0x00080070,
    "model": 0x00081090,
    "station": 0x00081010,
    "presentation_intent": 0x00080068,
}
_NUMBER_TAGS = {"exposure_index": 0x00181411, "deviation_index": 0x00181413}
_COUNT_TAGS = {  # tag and what its absence means
    "samples_per_pixel": (0x00280002, 1),
    "frames": (0x00280008, 1),
    "rows": (0x00280010, 0),
    "columns": (0x00280011, 0),
    "bits_allocated": (0x00280100, 0),
    "bits_stored": (0x00280101, 0),
}
_SOP_CLASS, _SOP_UID, _STUDY_UID = 0x00080016, 0x00080018, 0x0020000D
_PATIENT_ID, _ISSUER, _ACCESSION, _NAME = 0x00100020, 0x00100021, 0x00080050, 0x00100010
_STUDY_DATE, _STUDY_TIME, _BIRTH_DATE, _AGE = 0x00080020, 0x00080030, 0x00100030, 0x00101010
_REASON, _REQUESTED, _ADMITTED, _REQUESTS = 0x00401002, 0x00321060, 0x00081080, 0x00400275
_WHY = (_REASON, _REQUESTED, _ADMITTED)
_FORMS = {  # value representation (PS3.6) -> the tags that are read
    "CS": (0x00100040, 0x00080060, 0x00180015, 0x00185101, 0x00200020, 0x00080008, 0x00280004, 0x00080068),
    "LO": (0x00081030, 0x0008103E, 0x00080080, 0x00181030, 0x00080070, 0x00081090, _PATIENT_ID, _ISSUER, *_WHY),
    "SH": (0x00081010, _ACCESSION),
    "UI": (_SOP_CLASS, _SOP_UID, _STUDY_UID),
    "DA": (_STUDY_DATE, _BIRTH_DATE),
    "DS": tuple(_NUMBER_TAGS.values()),
    "IS": (0x00280008,),
    "US": (0x00280002, 0x00280010, 0x00280011, 0x00280100, 0x00280101),
    "PN": (_NAME,),
    "TM": (_STUDY_TIME,),
    "AS": (_AGE,),
    "SQ": (_REQUESTS,),
}
_TAGS = {tag: form.encode() for form, tags in _FORMS.items() for tag in tags}
# Media directory, waveforms, presentation states, raw data, SR, key objects, documents, RT plans: no image.
_NOT_IMAGE = re.compile(
    r"1\.2\.840\.10008\.(1\.3\.10$|5\.1\.4\.1\.1\.(9\.|11\.|66(\.[1235])?$|67$|68\.|7[89]\.|80\.|88\.|104\.|481\.[34589]))"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_MAX_CHARACTERS = 128
_DAYS_A_YEAR = 365.25
_MAX_IDENTIFIER = 64  # of an LO (PS3.5 6.2); an accession number is an SH of 16, which is exceeded in practice
_MAX_PLACES = 8  # where an indication is looked for: the image and its requests
_KEEP_INFLATED_BYTES = 8 << 20  # far more than any radiograph's header
_MAX_COUNT = 2**31 - 1  # of an IS (PS3.5 6.2), and of the database's columns
_EPOCH = date(1900, 1, 1)  # no birth date: what systems write for an unknown one


def read_header(entry: FileEntry, max_dataset_mb: int = 256, name_key: bytes = b"") -> Instance | None:
    """Read the header of one file; None when it is not DICOM. A deflated data set may inflate to `max_dataset_mb`.

    Of the patient's name only a digest keyed with `name_key` is kept, "" without a key.

    Study date and time are read from Study Date and Study Time alone: the other dates differ from image to image of
    one study. `studied_at` is midnight with `time_known=False` where there is a date only.

    A Patient ID that is blank or a placeholder names nobody: such a study stands alone, under a patient number made of
    its own study UID, and is never another one's prior. A study date before 1950, after 2099 or before the birth date is
    a placeholder or a slip, and so no date.

    Raises
    ------
    HeaderError : `header.not_image` for reports, documents and the like (a skip, not a fault); `header.incomplete`
        when a UID is blank, there is no Patient ID or Pixel Data is never reached; `header.malformed` also when an
        identifier is longer than DICOM allows, for cut off it could name somebody else, and when a count is no number
        or out of all bounds; `header.nested`, `header.too_large`, `header.unreadable`.
    """
    if ordinary := read_ordinary(entry, name_key):
        return ordinary
    try:
        with open_head(entry.path, list(_TAGS), max_dataset_mb << 20, _KEEP_INFLATED_BYTES) as head:
            if not _NOT_IMAGE.match(head.sop_class_uid) and not head.at_pixels:
                raise HeaderError("The header ends before any pixel data.", code="header.incomplete")
            return _instance(entry, _of_dataset(head.dataset), head, name_key)
    except NotDicomError:
        return None
    except OSError:
        raise HeaderError("The file cannot be read.", code="header.unreadable") from None


def read_ordinary(entry: FileEntry, name_key: bytes = b"") -> Instance | None:
    """Read a header as `read_header` does where that takes no more than its first kilobytes; None for all others.

    Nothing a file holds can make this take long, or much memory: no library is asked.
    """
    try:
        prefix = read_prefix(entry.path, _TAGS)
    except OSError:
        raise HeaderError("The file cannot be read.", code="header.unreadable") from None
    if prefix is None:
        return None
    return _instance(entry, _Said(prefix.texts, prefix.items.get(_REQUESTS, [])), prefix, name_key)


Texts = Mapping[int, str]  # tag -> text, values joined by a backslash


@dataclass(frozen=True, slots=True)
class _Said:
    """What a header says, and the items of its Request Attributes Sequence say."""

    texts: Texts
    requests: Sequence[Texts]


def _of_dataset(dataset: Dataset) -> _Said:
    """Values are converted here; of what tells why the image was asked for one that cannot be read costs no image."""
    try:
        texts = {tag: _joined(dataset[tag].value) for tag in _TAGS if tag in dataset and tag not in (*_WHY, _REQUESTS)}
    except Exception:  # the text of the error may quote them
        raise HeaderError("The header holds values that cannot be read.") from None
    try:
        items = list(dataset.get("RequestAttributesSequence") or ())
        places = [{tag: _joined(one[tag].value) for tag in _WHY if tag in one} for one in (dataset, *items)]
    except Exception:
        return _Said(texts, [])
    return _Said(texts | places[0], places[1:])


def _joined(value: Any) -> str:
    if value is None:
        return ""
    many = not isinstance(value, str | PersonName) and hasattr(value, "__iter__")
    return "\\".join(str(part) for part in value) if many else str(value)


def _instance(entry: FileEntry, said: _Said, head: Head | Prefix, name_key: bytes) -> Instance:
    if _NOT_IMAGE.match(head.sop_class_uid):
        raise HeaderError("The object holds no image.", code="header.not_image")
    try:
        return _filled(entry, said, head, name_key)
    except HeaderError:
        raise
    except Exception:  # a count that is none; the text of the error may quote it
        raise HeaderError("The header holds values that cannot be read.") from None


def _filled(entry: FileEntry, said: _Said, head: Head | Prefix, name_key: bytes) -> Instance:
    held = said.texts
    birth_date = _birth_date(_text(held, _BIRTH_DATE))
    studied_at, time_known = _studied_at(_text(held, _STUDY_DATE), _text(held, _STUDY_TIME), birth_date)
    texts: dict[str, Any] = {name: _text(held, tag) for name, tag in _TEXT_TAGS.items()}
    texts["sex"] = texts["sex"].upper()
    counts: dict[str, Any] = {name: _count(held, *rule) for name, rule in _COUNT_TAGS.items()}
    numbers: dict[str, Any] = {name: _number(_text(held, tag)) for name, tag in _NUMBER_TAGS.items()}
    study_uid = _uid(_text(held, _STUDY_UID), required=True)
    return Instance(
        file=entry,
        sop_uid=_uid(_text(held, _SOP_UID), required=True),
        study_uid=study_uid,
        sop_class_uid=_uid(head.sop_class_uid),
        transfer_syntax=_uid(head.transfer_syntax),
        patient_id=_patient_id(held, study_uid),
        origin=origin_of(head.sop_class_uid, texts["image_type"], (texts["series_description"], texts["protocol"])),
        name_sha256=_name_sha256(_text(held, _NAME), name_key),
        issuer=_identifier(held, _ISSUER),
        accession=_identifier(held, _ACCESSION),
        birth_date=birth_date,
        age_years=_age_years(_text(held, _AGE), birth_date, studied_at),
        indication=_indication(said),
        studied_at=studied_at,
        time_known=time_known,
        **texts,
        **counts,
        **numbers,
    )


def _indication(said: _Said) -> str:
    """Why the image was asked for: the reason of the request before diagnoses at admission, and these before its name.

    The image itself and the items of its Request Attributes Sequence are asked.
    """
    places = [said.texts, *said.requests][:_MAX_PLACES]
    reasons, requested, admitted = ([_why(place, tag) for place in places] for tag in _WHY)
    return indications.choose([*reasons, *admitted], requested)


def _why(place: Texts, tag: int) -> str:
    return _line(place, tag, 4 * indications.MAX_CHARACTERS).replace("\\", "; ")


def _text(held: Texts, tag: int) -> str:
    r"""One line of at most 128 characters without control characters; several values are joined by a backslash."""
    if not held.get(tag):  # most of them
        return ""
    return _line(held, tag, 4 * _MAX_CHARACTERS)[:_MAX_CHARACTERS].strip()


def _identifier(held: Texts, tag: int) -> str:
    """One line, never cut, of what can be seen."""
    text = visible(_line(held, tag, None))
    if len(text) > _MAX_IDENTIFIER:
        raise HeaderError("An identifier in the header is longer than DICOM allows.")
    return text


def _patient_id(held: Texts, study_uid: str) -> str:
    """Blank is legal (type 2) and names nobody; a header without the element is no whole one."""
    if _PATIENT_ID not in held:
        raise _lacking()
    patient_id = _identifier(held, _PATIENT_ID)
    return NOBODY + study_uid if names_nobody(patient_id) else patient_id


def _name_sha256(name: str, key: bytes) -> str:
    """Digest of a person's name whatever the order of its parts, the case, the accents and the signs between them."""
    spelling = next((group for group in name.split("=") if group.strip("^ ")), "")  # alphabetic, else ideographic
    parts = " ".join(sorted(re.findall(r"[^\W_]+", unaccented(spelling)), reverse=True))  # JOHN DOE
    return "" if not key or names_nobody(parts) else hmac.digest(key, parts.encode(), "sha256").hex()


def _line(held: Texts, tag: int, limit: int | None) -> str:
    text = held.get(tag, "")[:limit]
    return (text if text.isprintable() else _CONTROL.sub(" ", text)).strip()


def _count(held: Texts, tag: int, default: int) -> int:
    text = _text(held, tag)
    count = int(text.split("\\")[0]) if text else default
    if not 0 <= count <= _MAX_COUNT:
        raise HeaderError("A number in the header is out of all bounds.")
    return count


def _number(text: str) -> float | None:
    """Read a decimal string; None where it is blank, no number or of several values."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _age_years(text: str, birth_date: date | None, studied_at: datetime | None) -> float | None:
    """Read an age such as `045Y` or `018M` (PS3.5 6.2); else it is the time from birth to study. None beyond 0 to 130."""
    years = None
    if match := re.fullmatch(r"(\d{1,3})([DWMY])", text.upper()):
        years = int(match[1]) / {"D": _DAYS_A_YEAR, "W": _DAYS_A_YEAR / 7, "M": 12, "Y": 1}[match[2]]
    elif birth_date and studied_at:
        years = (studied_at.date() - birth_date).days / _DAYS_A_YEAR
    return round(years, 2) if years is not None and 0 <= years <= 130 else None


def _lacking() -> HeaderError:
    return HeaderError("The header lacks an identifier of patient, study or image.", code="header.incomplete")


def _uid(text: str, required: bool = False) -> str:
    if required and not text:
        raise _lacking()
    if text and not re.fullmatch(r"[0-9.]{1,64}", text):  # PS3.5 section 9.1
        raise HeaderError("The header holds an invalid unique identifier.")
    return text


def _date(text: str) -> date | None:
    """Read a DICOM date, also in ACR-NEMA's form `1999.05.24` and in that of ISO 8601, `1999-05-24`."""
    match = re.match(r"(\d{4})([.-]?)(\d{2})\2(\d{2})", text)
    try:
        return date(int(match[1]), int(match[3]), int(match[4])) if match else None
    except ValueError:
        return None


def _birth_date(text: str) -> date | None:
    day = _date(text)
    return day if day and day > _EPOCH else None


def _time(text: str) -> time | None:
    """Read a DICOM time; it may be cut from the right, and end in a leap second (PS3.5 6.2)."""
    match = re.fullmatch(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6})\d*)?)?)?", text.split("\\")[0])
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    if second == "60":  # Python knows no leap second: the last moment before the next minute
        second, fraction = "59", "999999"
    try:
        return time(int(hour), int(minute or 0), int(second or 0), int((fraction or "0").ljust(6, "0")))
    except ValueError:
        return None


def _studied_at(date_text: str, time_text: str, birth_date: date | None) -> tuple[datetime | None, bool]:
    day, clock = _date(date_text), _time(time_text)
    if day is None or day.year not in YEARS or (birth_date and day < birth_date):
        return None, False
    return datetime.combine(day, clock or time()), clock is not None
