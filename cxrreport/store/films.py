"""By which film a study is grouped: its first frontal one, of which the view and the machine are told."""

from __future__ import annotations

from sqlalchemy import ScalarSelect, func, select

from cxrreport.records import FRONTAL
from cxrreport.store.schema import ImageRow, StudyRow

DEVICE = (ImageRow.manufacturer, ImageRow.model, ImageRow.station)


def first_frontal() -> ScalarSelect[int]:
    """Id of the first frontal film in use of the study of a query."""
    films = select(func.min(ImageRow.id)).where(ImageRow.study_id == StudyRow.id, ImageRow.usable)
    return films.where(ImageRow.view.in_(FRONTAL)).correlate(StudyRow).scalar_subquery()


def device_name(*tags: str | None) -> str:
    """A machine by its tags, as `DEVICE` has them; "" where there are none."""
    return " ".join(filter(None, tags))
