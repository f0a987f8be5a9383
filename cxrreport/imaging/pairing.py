"""Which images a study is drafted from, and which earlier study is its prior. Pure functions of the catalogue.

No prior is always safer than a wrong one: wherever the order of two studies or the identity of the patient is in
doubt, there is none and the reason says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from cxrreport.codes import PriorReason
from cxrreport.records import Image, Origin, Pair, Study, View

_ORIGINS = tuple(Origin)


def choose_frontal(images: Sequence[Image]) -> Image | None:
    """Return the frontal image: an original before others, then the surest view, the largest area, the smallest UID."""
    return _best(images, lambda view: view.is_frontal)


def choose_lateral(images: Sequence[Image]) -> Image | None:
    """Return the lateral image by the same order as `choose_frontal`."""
    return _best(images, lambda view: view is View.LATERAL)


def draft_images(study: Study) -> list[Image]:
    """Return the frontal and, if there is one, the lateral image that a draft takes; none without a frontal one."""
    frontal, lateral = choose_frontal(study.images), choose_lateral(study.images)
    return [image for image in (frontal, lateral) if image] if frontal else []


def choose_prior(study: Study, others: Iterable[Study]) -> tuple[Study | None, str]:
    """Return the latest strictly earlier study of the patient with a frontal image, and "" or why there is none.

    Order is by date, and within one day by time where both times are known. Studies of other patients, without a date,
    or later than this one play no part; nor does one of the same accession number within a day, for it is the same
    exam under another study UID. The first reason that holds is given:

    `prior.date_missing` : this study has no date.
    `prior.tie` : a study with a frontal image cannot be told apart in time, either from this one (same day, and a time
        is missing or equal) or from another candidate for the latest. Neither of two tied candidates is taken, nor an
        older one: the comparison would skip a study that the radiologist has before the eyes.
    `prior.none` : there is no earlier study. `prior.no_frontal` : there are, but none with a frontal image.
    `prior.identity` : the latest has another birth date or sex than this study (both known); or another name where no
        birth date bears the number out; or one of the two has no name, and neither birth date nor sex does. Nothing older
        is taken: the identifier has been given to two persons, or an entry is wrong.
    """
    if study.studied_at is None:
        return None, PriorReason.DATE_MISSING
    own = [other for other in others if other.uid != study.uid and other.patient_id == study.patient_id]
    dated = [other for other in own if other.studied_at is not None and not _is_same_exam(other, study)]
    if any(_cannot_order(other, study) and choose_frontal(other.images) for other in dated):
        return None, PriorReason.TIE
    earlier = [other for other in dated if _is_earlier(other, study)]
    candidates = [other for other in earlier if choose_frontal(other.images)]
    if not candidates:
        return None, PriorReason.NO_FRONTAL if earlier else PriorReason.NONE
    latest = [one for one in candidates if not any(_is_earlier(one, other) for other in candidates)]
    if len(latest) > 1:
        return None, PriorReason.TIE
    if _identity_conflicts(latest[0], study):
        return None, PriorReason.IDENTITY
    return latest[0], ""


def pair(study: Study, others: Iterable[Study]) -> Pair | None:
    """Return the images of a study and its prior; None where the study has no frontal image."""
    frontal = choose_frontal(study.images)
    if frontal is None:
        return None
    prior, reason = choose_prior(study, others)
    prior_images = prior.images if prior else ()
    return Pair(
        study=study,
        frontal=frontal,
        lateral=choose_lateral(study.images),
        prior=prior,
        prior_frontal=choose_frontal(prior_images),
        prior_lateral=choose_lateral(prior_images),
        reason=reason,
    )


def _best(images: Sequence[Image], wanted: Callable[[View], bool]) -> Image | None:
    fitting = [image for image in images if image.view is not None and wanted(image.view)]
    order = sorted(
        fitting, key=lambda i: (_ORIGINS.index(i.origin), -(i.view_probability or 0.0), -i.height * i.width, i.sop_uid)
    )
    return order[0] if order else None


def _is_same_exam(one: Study, other: Study) -> bool:
    """One order, less than a day apart, or maybe so where a time is not known; an order may also be for a series of days."""
    if not one.accession or one.accession != other.accession or one.studied_at is None or other.studied_at is None:
        return False
    if one.time_known and other.time_known:
        return abs(one.studied_at - other.studied_at) < timedelta(days=1)
    return abs(one.studied_at.date() - other.studied_at.date()) <= timedelta(days=1)


def _is_earlier(one: Study, other: Study) -> bool:
    """Strictly earlier: by date, or on one day by two known times. Without a date there is no order."""
    first, second = one.studied_at, other.studied_at
    if first is None or second is None:
        return False
    if first.date() != second.date():
        return first.date() < second.date()
    return one.time_known and other.time_known and first < second


def _cannot_order(one: Study, other: Study) -> bool:
    return not _is_earlier(one, other) and not _is_earlier(other, one)


def _identity_conflicts(one: Study, other: Study) -> bool:
    dates = {one.birth_date, other.birth_date} - {None}
    sexes = {one.sex.upper(), other.sex.upper()} & {"M", "F"}
    return len(dates) > 1 or len(sexes) > 1 or _names_conflict(one, other)


def _names_conflict(one: Study, other: Study) -> bool:
    """Birth dates bear a number out whatever the names are; where one name is blank, sexes do, too."""
    born_alike = one.birth_date is not None and one.birth_date == other.birth_date
    sex_alike = one.sex.upper() == other.sex.upper() in ("M", "F")
    if one.name_sha256 == other.name_sha256 or born_alike:
        return False
    return bool(one.name_sha256 and other.name_sha256) or not sex_alike


def inputs_sha256(pair: Pair, digests: Mapping[int, str | None]) -> str:
    """Digest of what a draft is made from: images by UID and pixels (`digests` by image id), dates, why there is no prior."""
    # the size of a file that could not be read, so that a mended one makes the study due again
    images = [None if image is None else [image.sop_uid, digests.get(image.id) or image.size] for image in pair.images]
    dates = [str(study.studied_at) for study in (pair.study, pair.prior) if study]
    return hashlib.sha256(json.dumps([images, dates, pair.reason]).encode()).hexdigest()
