"""`export --send`: every object of every wanted draft is acknowledged once, whatever happens in between."""

import json
import signal

import pytest
from builders.ports import free_port
from builders.process import Mishap, Process, before_call
from builders.receivers import blunt_receiver, dicom_archive, dicom_object, hl7_message, hl7_receiver

from cxrreport.errors import InputError
from cxrreport.export import delivery
from cxrreport.export.folder import Item

DRAFTS = 8
CLEAN = {"away": {}, "skipped": {}, "failed_studies": {}}


@pytest.fixture(autouse=True)
def formats(monkeypatch, tmp_path):
    """Two small objects a study for DICOM and one message for HL7, of the study's id alone."""

    def objects(subject):
        for part in (1, 2):
            uid = f"1.2.826.{subject.view.stem}.{part}"
            yield Item(f"{subject.view.stem}.{part}.dcm", dicom_object(tmp_path, uid), uid)

    def messages(subject):
        name = f"C{subject.view.stem}"
        yield Item(f"{subject.view.stem}.hl7", hl7_message(name), name)

    makers = {"sr": objects, "hl7": messages}
    monkeypatch.setattr(delivery, "maker", makers.get)
    monkeypatch.setattr(delivery, "DRAWING", ())
    monkeypatch.setenv("CXRREPORT_SEND_RETRY_S", "0")
    monkeypatch.setenv("CXRREPORT_SEND_TIMEOUT_S", "2")
    return makers


def send(tool, *urls, code=0, more=()):
    return tool.json("export", *(word for url in urls for word in ("--send", url)), *more, code=code)


def dicom(archive):
    return f"dicom://PACS@127.0.0.1:{archive.port}"


def rows(tool, columns="count(*)"):
    return tool.rows(f"SELECT {columns} FROM delivery ORDER BY id")  # noqa: S608


def test_all_drafts_are_sent_once(drafted):
    with dicom_archive() as archive:
        assert send(drafted, dicom(archive)) == {"drafts": DRAFTS, "sent": 2 * DRAFTS, "failed": {}, **CLEAN}
        assert send(drafted, dicom(archive)) == {"drafts": DRAFTS, "sent": 0, "failed": {}, **CLEAN}
    assert len(archive.stored) == len(set(archive.stored)) == 2 * DRAFTS
    found = rows(drafted, "object, attempts, answer, delivered")
    assert found == [(uid, 1, "status 0x0000", True) for uid in archive.stored]
    audit = drafted.rows("SELECT subject, detail FROM audit WHERE action = 'send' ORDER BY id")
    told = [(subject, json.loads(detail)) for subject, detail in audit]
    assert told == [(dicom(archive), {"sent": sent, "failed": {}}) for sent in (2 * DRAFTS, 0)]


def test_only_the_wanted_drafts_are_sent(drafted):
    with dicom_archive() as archive:
        assert send(drafted, dicom(archive), more=("--study", "A102"))["sent"] == 2
        assert send(drafted, dicom(archive), more=("--since", "2024-04-01", "--until", "2024-04-30"))["sent"] == 4
    assert len(archive.stored) == 6


def test_a_refusal_is_counted_and_sent_again_by_the_next_call(drafted):
    with dicom_archive(0, 0xA900) as archive:
        told = send(drafted, dicom(archive), code=3)
        refusals = drafted.rows(
            "SELECT study_id FROM delivery JOIN draft ON draft.id = draft_id WHERE answer = 'status 0xA900'"
        )
        assert told == {
            "drafts": DRAFTS,
            "sent": 2 * DRAFTS - 1,
            "failed": {"send.refused": 1},
            "away": {},
            "skipped": {},
            "failed_studies": {"send.refused": refusals},
        }
        assert send(drafted, dicom(archive))["sent"] == 1
    assert sorted(archive.stored) == sorted(set(archive.stored)) and len(archive.stored) == 2 * DRAFTS
    assert rows(drafted, "attempts")[1] == 2


def test_an_archive_that_dies_in_the_middle_keeps_what_it_has(drafted):
    with dicom_archive() as archive, pytest.MonkeyPatch.context() as patch:
        before_call(patch, "cxrreport.export.send.dicom:DicomSender.send", 4, lambda: die(archive))
        assert drafted("export", "--send", dicom(archive)) == 69
    assert "send.unreachable" in drafted.err and f"127.0.0.1:{archive.port}" in drafted.err
    first = list(archive.stored)
    assert len(first) == 3 and rows(drafted, "delivered").count(True) == 3
    audit = drafted.rows("SELECT detail FROM audit WHERE action = 'send'")
    assert [json.loads(detail)["sent"] for detail in audit] == [3]
    with dicom_archive(port=archive.port) as again:
        assert send(drafted, dicom(again))["sent"] == 2 * DRAFTS - 3
    assert not set(first) & set(again.stored)


def die(archive):
    for association in archive.server.active_associations:
        association.abort()
    archive.server.shutdown()


def test_a_broken_association_is_mended_within_the_call(drafted, monkeypatch):
    monkeypatch.setenv("CXRREPORT_SEND_RETRY_S", "5")
    with dicom_archive(0, 0, -1, 0, -1) as archive:
        assert send(drafted, dicom(archive))["sent"] == 2 * DRAFTS
    assert len(archive.stored) == len(set(archive.stored)) == 2 * DRAFTS
    assert sum(rows(drafted, "attempts")) == 2 * DRAFTS + 2


def test_an_object_over_which_an_archive_stumbles_holds_up_no_other(drafted):
    with dicom_archive(0, -1) as archive:
        told = send(drafted, dicom(archive), code=3)
        assert told["sent"] == 2 * DRAFTS - 1 and told["failed"] == {"send.answer": 1}
        assert send(drafted, dicom(archive))["sent"] == 1


def test_nobody_there_is_no_object_that_is_stumbled_over(drafted):
    """However few objects there are to send."""
    assert drafted("export", "--study", "A102", "--send", f"mllp://127.0.0.1:{free_port()}") == 69
    assert rows(drafted, "attempts") == [1]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(("struck", "twice"), [("plan_delivery", 0), ("record_attempt", 1)])
def test_a_killed_call_is_completed_by_the_next(drafted, monkeypatch, struck, twice):
    """Nothing is sent twice but what was acknowledged and not yet noted, and that under its own identifier."""

    def kill():
        raise Killed

    with hl7_receiver() as (port, came):
        url = f"mllp://127.0.0.1:{port}"
        with pytest.MonkeyPatch.context() as patch:
            before_call(patch, f"cxrreport.export.delivery:{struck}", 3, kill)
            with pytest.raises(Killed):
                drafted("export", "--send", url)
        send(drafted, url)
    assert len(set(came)) == DRAFTS and len(came) == DRAFTS + twice
    assert rows(drafted, "delivered") == [True] * DRAFTS


@pytest.mark.parametrize("between", [True, False])
def test_a_process_killed_between_two_objects_is_completed_by_the_next_call(drafted, between):
    """With the real messages and kill -9: the receiver counts."""
    moment = "send.mllp:MllpSender.send" if between else "delivery:record_attempt"
    struck = Mishap(f"cxrreport.export.{moment}", 3, signal.SIGKILL)
    with hl7_receiver() as (port, came):
        words = ("export", "--send", f"mllp://127.0.0.1:{port}")
        assert Process(drafted.home, *words, mishap=struck).wait() == -signal.SIGKILL
        first = list(came)
        assert Process(drafted.home, *words).wait() == 0
    assert len(first) == (2 if between else 3) and len(set(came)) == DRAFTS
    assert came.count(first[-1]) == (1 if between else 2), "twice is only what was taken and not yet noted"
    assert len(came) == DRAFTS + (0 if between else 1) and rows(drafted, "delivered") == [True] * DRAFTS


def test_a_target_that_is_away_keeps_nobody_else_waiting(drafted):
    away, other = f"mllp://127.0.0.1:{free_port()}", f"mllp://localhost:{free_port()}"
    with hl7_receiver("AE") as (port, came):
        told = send(drafted, away, other, f"mllp://127.0.0.1:{port}", code=69)
    assert (told["sent"], told["failed"]) == (DRAFTS - 1, {"send.answer": 2, "send.refused": 1})
    assert all(len(studies) == len(set(studies)) for studies in told["failed_studies"].values())
    assert told["away"] == {away: "send.unreachable", other: "send.unreachable"}
    assert len(came) == DRAFTS and away in drafted.err and other in drafted.err
    assert rows(drafted, "attempts, answer, delivered")[0] == (1, "send.unreachable", False)


def test_what_a_receiver_says_is_nowhere(drafted):
    """Its words may name the patient."""
    with hl7_receiver("AE") as (port, _), dicom_archive(0xC000) as archive:
        drafted("export", "--send", f"mllp://127.0.0.1:{port}", "--send", dicom(archive))
    with blunt_receiver(lambda said: said) as port:
        drafted("export", "--send", f"mllp://127.0.0.1:{port}")
    told = drafted.out + drafted.err + repr(rows(drafted, "answer, target"))
    assert "Poe" not in told and "DOE" not in told and "unknown here" not in told


@pytest.mark.parametrize(
    ("error", "code"), [(InputError("The film is gone.", "film.away"), "film.away"), (KeyError("Poe"), "export.crash")]
)
def test_a_draft_that_cannot_be_made_is_counted_and_the_others_go(drafted, formats, error, code):
    make = formats["hl7"]

    def fails(subject):
        if subject.view.held.study.accession == "A102":
            raise error
        return make(subject)

    formats["hl7"] = fails
    with hl7_receiver() as (port, came):
        told = send(drafted, f"mllp://127.0.0.1:{port}", code=3)
    assert (
        told
        == {
            "drafts": DRAFTS,
            "sent": DRAFTS - 1,
            "failed": {code: 1},
            "away": {},
            "skipped": {},
            "failed_studies": {code: drafted.rows("SELECT id FROM study WHERE accession = 'A102'")},
        }
        and len(came) == DRAFTS - 1
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--send", "mllp://me:geheim@ris:2575"), "send.target"),
        (("--send", "ris:2575"), "send.target"),
        (("out",), "usage"),
        (("out", "--format", "jsonl", "--send", "mllp://ris:2575"), "usage"),
        (("--format", "jsonl"), "usage"),
        ((), "usage"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything(drafted, words, code):
    assert drafted("export", *words) == 2 and f"[{code}]" in drafted.err and "geheim" not in drafted.err


def test_without_the_extra_it_is_said_what_to_install(drafted, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pynetdicom", None)
    monkeypatch.delitem(sys.modules, "cxrreport.export.send.dicom", raising=False)
    assert drafted("export", "--send", "dicom://PACS@127.0.0.1:104") == 78
    assert "[send.extra]" in drafted.err and "cxrreport[pacs]" in drafted.err


def test_a_target_that_denies_is_not_asked_again(drafted, monkeypatch):
    monkeypatch.setenv("CXRREPORT_SEND_RETRY_S", "30")
    with dicom_archive(callers=["RIS"]) as archive:
        assert drafted("export", "--send", dicom(archive)) == 69
    assert "[send.denied]" in drafted.err and rows(drafted, "attempts")[0] == 1


def test_what_was_refused_goes_on_waiting_while_it_cannot_be_made(drafted, formats):
    make, study = formats["sr"], ("--study", "A102")

    def fails(_):
        raise InputError("The film is gone.", "film.away")

    with dicom_archive(0, 0xA900) as archive:
        assert send(drafted, dicom(archive), code=3, more=study)["sent"] == 1
        formats["sr"] = fails
        assert send(drafted, dicom(archive), code=3, more=study)["failed"] == {"film.away": 1}
        formats["sr"] = make
        assert send(drafted, dicom(archive), more=study)["sent"] == 1
    assert rows(drafted, "delivered") == [True, True]


def test_what_goes_under_pseudonyms_is_another_thing_than_under_names(drafted, tmp_path):
    (key := tmp_path / "key").write_bytes(bytes(range(32)))
    key.chmod(0o600)
    hidden, ids = ("--pseudonymise", key), drafted.rows("SELECT id FROM draft ORDER BY id")
    with dicom_archive() as archive:
        assert [send(drafted, dicom(archive), more=hidden)["sent"] for _ in range(2)] == [2 * DRAFTS, 0]
        assert send(drafted, dicom(archive))["sent"] == 2 * DRAFTS
        targets = {
            dicom(archive),
            *(name for name in rows(drafted, "target") if name.startswith(f"{dicom(archive)} as ")),
        }
    assert len(set(archive.stored)) == 4 * DRAFTS and set(rows(drafted, "target")) == targets and len(targets) == 2
    assert sorted(set(rows(drafted, "draft_id"))) == ids
