"""`cxrreport export --send`: the wanted drafts, one object after the other, to every target that is named, and never twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cxrreport.errors import ConfigurationError, InputError, UnavailableError
from cxrreport.export.folder import Item
from cxrreport.export.formats import DRAWING, Maker, maker
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.send.protocol import UNCLEAR, UNREACHABLE, Answer, Sender
from cxrreport.export.send.targets import Target
from cxrreport.export.subject import Subject, draw_ahead, gather
from cxrreport.export.tally import Tally
from cxrreport.log import Progress, unwatched
from cxrreport.settings import Settings
from cxrreport.store.deliveries import plan_delivery, record_attempt
from cxrreport.store.engine import open_archive, pauses, session
from cxrreport.store.hold import hold_sending
from cxrreport.store.listing import Wanted, count_drafts
from cxrreport.store.retry import transact
from cxrreport.store.runs import append_audit

if TYPE_CHECKING:
    from sqlalchemy import Engine


def deliver(
    settings: Settings,
    targets: Sequence[Target],
    wanted: Wanted,
    progress: Progress = unwatched,
    pseudonyms: Pseudonyms | None = None,
) -> tuple[dict[str, Any], int, list[UnavailableError]]:
    """Send the wanted drafts to each target, as far as it has not got them.

    An object that a target refuses is counted by code, and the others go on. A target that does not answer, or takes
    nothing of us, ends its own part; what it has got stays sent, and the others are still served.

    Returns
    -------
    Counts, the exit code, and what is to be said of each target that has ended its part.

    Raises
    ------
    UsageError : no study is named so.
    ConfigurationError : a package or a certificate is missing. LockedError : another call sends.
    """
    sent, tally, lost = 0, Tally(), dict[str, UnavailableError]()
    with open_archive(settings, make=False) as engine, hold_sending(engine) as check:
        senders = [open_sender(target, settings) for target in targets]
        with session(engine, read_only=True) as s:
            drafts = count_drafts(s, wanted)
        for target, sender in zip(targets, senders):
            part = _Part(settings, engine, target, sender, check, pseudonyms, tally)
            try:
                part.send(replace(wanted, lacking=part.name), progress)
            except UnavailableError as error:
                lost[target.name] = error
            sent += part.sent
    away = {name: error.code for name, error in lost.items()}
    counts = {"drafts": drafts, "sent": sent, "away": away, **tally.counts(), "failed_studies": tally.studies}
    told = list(lost.values())
    return counts, told[0].exit_code if told else 3 if tally.failed else 0, told


def open_sender(target: Target, settings: Settings) -> Sender:
    """Return what sends to a target. Raises ConfigurationError."""
    try:
        if target.scheme.startswith("dicom"):
            from cxrreport.export.send.dicom import DicomSender

            return DicomSender(target, settings)
        if target.scheme.startswith("http"):
            from cxrreport.export.send.web import WebSender

            return WebSender(target, settings)
    except ImportError:
        raise ConfigurationError("Sending DICOM needs the extra `pacs`.", "send.extra") from None
    from cxrreport.export.send.mllp import MllpSender

    return MllpSender(target, settings)


@dataclass
class _Part:
    """What one call sends to one target."""

    settings: Settings
    engine: Engine
    target: Target
    sender: Sender
    check: Callable[[], None]
    pseudonyms: Pseudonyms | None
    tally: Tally
    sent: int = 0
    silent: UnavailableError | None = None  # why there was no answer to the object before
    answered: bool = False  # there was one to some object

    @property
    def name(self) -> str:
        """Of the target in the archive; what it gets under pseudonyms is another thing than under names."""
        return f"{self.target.name} as {self.pseudonyms.name}" if self.pseudonyms else self.target.name

    def send(self, wanted: Wanted, progress: Progress) -> None:
        """Send the drafts that the target lacks, and tell the audit how far it came."""
        with session(self.engine, read_only=True) as s:
            total = count_drafts(s, wanted)
        make, before = maker(self.target.format), Counter(self.tally.failed)
        try:
            with self.sender:
                subjects = gather(self.settings, self.engine, wanted, self.pseudonyms)
                for subject in draw_ahead(self.settings, subjects, lambda _: self.target.format in DRAWING):
                    self._send_draft(subject, make)
                    progress(f"drafts to {self.target.host}", 1, total)
            if self.silent and not self.answered:
                raise self.silent
        finally:
            told = {"sent": self.sent, "failed": dict(self.tally.failed - before)}
            transact(self.engine, lambda s: append_audit(s, "cxrreport", "send", self.name, told))

    def _send_draft(self, subject: Subject, make: Maker) -> None:
        items: dict[str, Item] = {}
        with self.tally.watch(subject):
            if isinstance(subject.drawn, InputError):  # a part of what belongs together is not sent
                raise subject.drawn
            items.update((item.uid or item.name, item) for item in make(subject))
        if not items:  # what waits from an earlier call goes on waiting
            return
        for name in transact(self.engine, lambda s: plan_delivery(s, subject.draft_id, self.name, list(items))):
            answer = self._send_object(subject.draft_id, name, items[name].content)
            if answer.code:
                self.tally.count(answer.code, subject)
            else:
                self.sent += 1

    def _send_object(self, draft_id: int, name: str, content: bytes) -> Answer:
        """Send an object, again and again where the target does not answer; every attempt is noted at once.

        One object may be what the target stumbles over: only the second one in a row without an answer ends its part.
        """
        end = time.monotonic() + self.settings.send_retry_s
        for pause_s in pauses():
            self.check()
            try:
                answer = self.sender.send(content)
            except UnavailableError as error:
                self._note(draft_id, name, error.code, False)
                over = time.monotonic() + pause_s > end
                if error.code != UNREACHABLE or (over and self.silent):
                    raise
                if over:
                    self.silent = error
                    return Answer("no answer", UNCLEAR)
            else:
                self.silent, self.answered = None, True
                self._note(draft_id, name, answer.text, not answer.code)
                return answer
            time.sleep(pause_s)
        raise AssertionError("pauses never end")

    def _note(self, draft_id: int, name: str, answer: str, delivered: bool) -> None:
        transact(self.engine, lambda s: record_attempt(s, draft_id, self.name, name, answer, delivered))
