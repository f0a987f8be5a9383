"""Whom the network was made for: adults. A child's study is left out and told of, unless the user wants it drafted."""

from __future__ import annotations

from datetime import UTC, datetime

from cxrreport.records import Study

_ADULT = 18  # years


def is_child(study: Study) -> bool:
    """Whether the patient was under 18 at the study, by the birth date or by the age in the header.

    Where the two disagree the younger counts: a child that is drafted does harm, an adult that is left out is told of.
    A patient of unknown age is taken for an adult.
    """
    told = study.age_years is not None and study.age_years < _ADULT
    return told or _is_before_birthday(study)


def _is_before_birthday(study: Study) -> bool:
    if study.birth_date is None:
        return False
    born, day = (
        study.birth_date,
        study.studied_at or datetime.now(UTC),
    )  # without a date of the study: still a child today
    return (day.year - _ADULT, day.month, day.day) < (born.year, born.month, born.day)
