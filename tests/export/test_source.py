"""What an object beside a film takes from its header: little, checked, and nothing at all of a person who is to be hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders.dicom import DX, write_dicom
from builders.views import STUDY, study_view, write_film

from cxrreport.errors import HeaderError, InputError
from cxrreport.export.source import Source, read_source


def test_a_film_tells_its_class_its_series_and_whose_it_is(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.dcm", STUDY, StudyID="S1")
    assert read_source(study_view(), film) == Source(DX, "1.2.3.4.1", "Poe^Jane", "S1")


def test_the_name_is_read_in_the_character_set_of_the_film(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.dcm", STUDY, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    assert read_source(study_view(), film).patient_name == "Müller^Jörg"


def test_of_a_hidden_person_nothing_is_read(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.dcm", STUDY, StudyID="S1")
    hidden = read_source(replace(study_view(), hides_source=True), film)
    assert (hidden.sop_class_uid, hidden.patient_name, hidden.study_id) == (DX, "", "")
    assert hidden.series_uid.startswith("2.25.")
    other = read_source(replace(study_view(), hides_source=True), replace(film, sop_uid="1.2.3"))
    assert other.series_uid != hidden.series_uid  # made of the identifier in the view


@pytest.mark.parametrize("name", ["a^b^c^d^e^f", "x" * 65, "a=b=c=d", "Poe\\Jane"])
def test_a_name_that_is_none_is_left_out(tmp_path: Path, name: str) -> None:
    film = write_film(tmp_path / "a.dcm", STUDY, PatientName=name, StudyID="longer than an SH can be")
    assert read_source(study_view(), film) == Source(DX, "1.2.3.4.1")


def test_a_film_that_is_gone_or_another_one_is_told(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.dcm", STUDY)
    write_dicom(Path(film.path), bits=8)
    with Path(film.path).open("ab") as file:
        file.write(b"\0\0")
    for change in ("film.changed", "film.away"):
        with pytest.raises(InputError) as told:
            read_source(study_view(), film)
        assert told.value.code == change
        Path(film.path).unlink(missing_ok=True)


def test_a_film_without_a_series_cannot_be_referred_to(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.dcm", STUDY, SeriesInstanceUID=None)
    with pytest.raises(HeaderError) as told:
        read_source(study_view(), film)
    assert told.value.code == "header.incomplete"


def test_what_is_no_dicom_is_refused(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.dcm", STUDY)
    Path(film.path).write_bytes(b"x" * film.size)
    with pytest.raises(HeaderError):
        read_source(study_view(), film)
