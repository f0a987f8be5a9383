"""A study under pseudonyms: what names a patient or a place is replaced by a keyed digest, or left out.

Everything is made anew from an allow-list: what a view learns to hold later does not leave the house by itself. The same key
gives the same pseudonyms in every format and call; who has the key and the archive can find a study again.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from cxrreport.drafts import Provenance
from cxrreport.errors import UsageError
from cxrreport.export.report_diff import SentenceChange
from cxrreport.export.study import Films, StudyView
from cxrreport.export.uids import joined, uid_of
from cxrreport.records import Image, names_nobody
from cxrreport.store.listing import rank
from cxrreport.store.trajectory import Moment
from cxrreport.store.views import DraftFacts, DraftView, PatientFacts, PriorReport, RetrievedReport, StudyFacts

LEAST_KEY = 32  # bytes
_LEAST_SIGNS = 8  # different bytes; of keys of 32 hexadecimal digits by chance, one in 10^7 has fewer
_MOST_KEY = 4096
_MOST_DAYS = 3652  # a date becomes up to ten years earlier
_UNKNOWN = datetime(1970, 1, 1)  # day of the draft of a study without one
_OLD = 90  # years; of that age and older are few (HIPAA, 45 CFR 164.514(b)(2)(i)(C))
WITHHELD, OTHER = "withheld", "other"
# What is told of the decoding; the rest tells of the site, or of reports of the archive.
_DECODING = frozenset(
    ("beams", "max_new_tokens", "min_new_tokens", "length_penalty", "device", "retriever", "lie", "prior_lie")
) | {"registration"}
_ISO = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_NUMBER = re.compile(r"\w*\d{3}\w*|\b\d{1,2}([./-])\d{1,2}\1\d{1,4}\b")  # no severity, place or count of a finding


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The pseudonyms of one key.

    with_pictures : the pixels of films go along, and so does what is burnt into them.
    """

    key: bytes
    with_pictures: bool = False

    @property
    def name(self) -> str:
        """Tells exports of different keys apart, and nothing of the key."""
        return self._digest("export")[:16].hex()

    def order(self, uid: str, priority: str | None) -> tuple[int, bytes]:
        """By priority, then by chance: the true order of studies would tell of their dates."""
        return rank(priority), self._digest("order", uid)

    def patient(self, patient: PatientFacts) -> str:
        """A patient's number."""
        return self._word("patient", *_person(patient))

    def study(self, study_id: int) -> int:
        """The id of a study."""
        return self._number("study", study_id)

    def draft(self, uid: str, draft_id: int) -> int:
        """The id of a draft of the study with this UID."""
        return self._number("draft", uid, draft_id)

    def device(self, device: str) -> str:
        """A device, whose station often has the name of a place; "" and "other" stay."""
        return device if device in ("", OTHER) else self._word("device", device)

    def shift(self, patient: PatientFacts) -> timedelta:
        """How much earlier all dates of a patient become."""
        return timedelta(1 + int.from_bytes(self._digest("days", *_person(patient))[:8]) % _MOST_DAYS)

    def hide(self, view: StudyView) -> StudyView:
        """Return the study under pseudonyms."""
        person = _person(view.held.patient)
        days = self.shift(view.held.patient)
        held = self._held(view.held, person, days)
        draft = held.draft
        kept = {one.rank: one for one in draft.references} if draft else {}
        return StudyView(
            stem=str(held.study.study_id),
            held=held,
            findings=view.findings,
            flags=view.flags,
            no_prior=view.no_prior,
            sentences=tuple(_sentence(one) for one in view.sentences if one.kind != "dropped"),
            references=tuple(tuple(kept[one.rank] for one in alike) for alike in view.references),
            films=self._films(view.films),
            trajectory=tuple(self._moment(one, days) for one in view.trajectory),
            hides_source=True,
        )

    def _held(self, held: DraftView, person: tuple[str, ...], days: timedelta) -> DraftView:
        patient, told = held.patient, held.prior_report
        return DraftView(
            patient=PatientFacts(self._number("patient", *person), "", self.patient(patient), None, patient.sex),
            study=self._study(held.study, days),
            prior=self._study(held.prior, days) if held.prior else None,
            prior_report=PriorReport(told.source, _earlier(told.reported_at, days), "", "") if told else None,
            draft=self._draft(held, held.draft, days) if held.draft else None,
            failure=None,
        )

    def _study(self, study: StudyFacts, days: timedelta) -> StudyFacts:
        return StudyFacts(
            study_id=self.study(study.study_id),
            uid=self._uid(study.uid),
            accession=self._accession(study.accession),
            studied_at=_earlier(study.studied_at, days),
            time_known=False,
            description="",
            institution="",
            age_years=None if study.age_years is None else min(int(study.age_years), _OLD),
        )

    def _moment(self, one: Moment, days: timedelta) -> Moment:
        number, accession = self.study(one.study_id), self._accession(one.accession)
        return Moment(number, accession, _earlier(one.studied_at, days), one.source, one.states)

    def _draft(self, held: DraftView, draft: DraftFacts, days: timedelta) -> DraftFacts:
        # Drafts are made in one night that others know: a shifted one would tell the shift of every patient.
        made = _earlier(held.study.studied_at, days) or _UNKNOWN
        return DraftFacts(
            draft_id=self.draft(held.study.uid, draft.draft_id),
            status=draft.status,
            run_id=0,  # a run is of one night: with its number one known date would tell of all
            created_at=made.replace(tzinfo=UTC),
            prior_reason=draft.prior_reason,
            findings=_masked(draft.findings),
            impression=_masked(draft.impression),
            comparison=_dated(draft.comparison, days),
            priority=draft.priority,
            priority_reason=draft.priority_reason,
            confidence=draft.confidence,
            flags=draft.flags,
            provenance=self._provenance(draft.provenance),
            finding_rows=draft.finding_rows,
            withheld=draft.withheld,
            spans=draft.spans,
            regions=draft.regions,
            references=tuple(map(self._reference, draft.references)),
            distance=draft.distance,
            abstained=draft.abstained,
        ).told()

    def _provenance(self, made: Provenance) -> Provenance:
        return Provenance(
            weights_sha256=made.weights_sha256,
            preprocess_version=made.preprocess_version,
            index_version=WITHHELD if made.index_version else "",  # it is named by its date
            inputs_sha256=self._digest("inputs", made.inputs_sha256).hex(),
            decoding={name: value for name, value in made.decoding.items() if name in _DECODING},
            calibration_sha256=made.calibration_sha256,
        )

    def _reference(self, one: RetrievedReport) -> RetrievedReport:
        return RetrievedReport(
            one.rank, self._number("report", one.report_id), one.score, one.weight, "", None, "", "", None
        )

    def _films(self, films: Films) -> Films:
        return Films(self._image(films.current), self._image(films.prior), withheld=not self.with_pictures)

    def _image(self, image: Image | None) -> Image | None:
        """The film is still found by its path, which no writer tells."""
        return replace(image, sop_uid=self._uid(image.sop_uid)) if image else None

    def _uid(self, uid: str) -> str:
        return uid_of(self._digest("uid", uid))

    def _accession(self, accession: str) -> str:
        return self._word("accession", accession) if accession else ""

    def _word(self, *parts: object) -> str:
        """16 signs: the most that an accession number (SH) may have."""
        return self._digest("word", *parts)[:8].hex().upper()

    def _number(self, *parts: object) -> int:
        """A positive integer that JSON carries exactly (52 bits)."""
        return 1 + (int.from_bytes(self._digest("number", *parts)[:8]) >> 12)

    def _digest(self, *parts: object) -> bytes:
        return hmac.digest(self.key, joined(*parts), "sha256")


def read_key(file: Path, place: Path | None = None) -> bytes:
    """Return the key in a file.

    place : directory of the export, in which the key must not lie.

    Raises
    ------
    UsageError : there is none, it is short or repeats itself, others may read it, or it lies in the export.
    """
    if place and file.resolve().is_relative_to(place.resolve()):
        raise _no_key("lies in the directory of the export, which is handed on")
    try:
        with file.open("rb") as opened:
            key, mode = opened.read(_MOST_KEY + 1), file.stat().st_mode
    except OSError:
        raise _no_key("cannot be read") from None
    if not LEAST_KEY <= len(key) <= _MOST_KEY:
        raise _no_key(f"holds {'less' if len(key) < LEAST_KEY else 'more'} than a key")
    if len(set(key)) < _LEAST_SIGNS:
        raise _no_key("repeats a few bytes, which can be guessed")
    if mode & 0o007:
        raise _no_key("can be read by everybody")
    return key


def _no_key(why: str) -> UsageError:
    return UsageError(f"The file of the key {why}.", "export.key")


def _person(patient: PatientFacts) -> tuple[str, ...]:
    """What names a patient in every archive; the row of this one where the number is none of a person."""
    row = (str(patient.patient_id),) if names_nobody(patient.mrn) else ()
    return patient.issuer, patient.mrn, *row


def _earlier(moment: datetime | None, days: timedelta) -> datetime | None:
    """The day so many days before; no time of day."""
    return datetime.combine(moment.date() - days, time.min) if moment else None


def _dated(text: str, days: timedelta) -> str:
    """A sentence of ours with its dates shifted."""
    return _ISO.sub(lambda found: (date.fromisoformat(found[0]) - days).isoformat(), text)


def _masked(text: str) -> str:
    """A text of the network without what may be a date or an identifier; every character stays in its place."""
    return _NUMBER.sub(lambda found: "X" * len(found[0]), text)


def _sentence(one: SentenceChange) -> SentenceChange:
    return replace(one, text=_masked(one.text))
