"""HL7 messages and their acknowledgements: what counts as taken, what is tried again, what nobody knows."""

import pytest
from builders.ports import free_port
from builders.receivers import (
    acknowledgement,
    blunt_receiver,
    certificate,
    hl7_message,
    hl7_receiver,
    server_context,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrreport.errors import UnavailableError
from cxrreport.export.send import mllp
from cxrreport.export.send.protocol import DENIED, REFUSED, UNCLEAR, UNREACHABLE, Answer


def test_a_message_is_taken_by_a_receiver_of_another_make(sender):
    with hl7_receiver() as (port, came), sender(f"mllp://127.0.0.1:{port}") as mine:
        assert [mine.send(hl7_message(name)) for name in ("M1", "M2")] == [Answer("AA"), Answer("AA")]
    assert came == ["M1", "M2"]


def test_what_is_framed_already_is_framed_once(sender):
    with hl7_receiver() as (port, came), sender(f"mllp://127.0.0.1:{port}") as mine:
        assert mine.send(b"\x0b" + hl7_message("M3") + b"\x1c\r") == Answer("AA")
    assert came == ["M3"]


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_a_refusal_keeps_the_code_and_nothing_of_the_receivers_words(sender, code):
    with hl7_receiver(code) as (port, _), sender(f"mllp://127.0.0.1:{port}") as mine:
        assert mine.send(hl7_message()) == Answer(code, REFUSED)


def test_an_enhanced_commit_is_taken(sender):
    with hl7_receiver("CA") as (port, _), sender(f"mllp://127.0.0.1:{port}") as mine:
        assert mine.send(hl7_message()) == Answer("CA")


def test_an_acknowledgement_of_another_message_is_none(sender):
    with hl7_receiver(control_id="M999") as (port, _), sender(f"mllp://127.0.0.1:{port}") as mine:
        assert mine.send(hl7_message()) == Answer("acknowledgement of another message", UNCLEAR)


@pytest.mark.parametrize("answer", [b"", b"\x0bMSH|^~", acknowledgement("AA", "M1").encode()[:-2]])
def test_no_answer_and_half_a_one_are_tried_again(sender, answer):
    with blunt_receiver(lambda _: answer) as port, sender(f"mllp://127.0.0.1:{port}") as mine:
        with pytest.raises(UnavailableError) as away:
            mine.send(hl7_message())
        assert away.value.code == UNREACHABLE


def test_nobody_there_is_told_with_the_place(sender):
    port = free_port()
    with sender(f"mllp://127.0.0.1:{port}") as mine, pytest.raises(UnavailableError, match=str(port)) as away:
        mine.send(hl7_message())
    assert away.value.code == UNREACHABLE


def test_a_receiver_that_says_nothing_has_only_so_long(sender):
    with blunt_receiver(lambda _: __import__("time").sleep(3) or b"") as port:
        mine = sender(f"mllp://127.0.0.1:{port}", send_timeout_s=0.1)
        with mine, pytest.raises(UnavailableError) as away:
            mine.send(hl7_message())
    assert away.value.code == UNREACHABLE


def test_an_answer_in_pieces_is_whole(sender, monkeypatch):
    monkeypatch.setattr(mllp, "_LONGEST", 1 << 20)
    long = acknowledgement("AA", "M1").replace("MSA", "SFT|" + "x" * 9000 + "\rMSA").encode()
    with blunt_receiver(lambda _: long) as port, sender(f"mllp://127.0.0.1:{port}") as mine:
        assert mine.send(hl7_message()) == Answer("AA")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.text("MSH|^~\\&A\rC1", max_size=60).map(str.encode))
def test_whatever_a_receiver_says_is_an_answer(said):
    answer = mllp._read(b"\x0bMSH|^~\\&|" + said + b"\x1c\r", "M1")
    assert answer.code or answer.text in ("AA", "CA")


@pytest.mark.parametrize("said", [b"MSH|^\rMSA|AA|M1", b"MSH", b"MSA|AA|M1", b"\xff\x00"])
def test_a_frame_without_an_acknowledgement_is_an_answer_that_nobody_can_read(sender, said):
    with blunt_receiver(lambda _: b"\x0b" + said + b"\r\x1c\r") as port, sender(f"mllp://127.0.0.1:{port}") as mine:
        assert mine.send(hl7_message()) == Answer("no acknowledgement", UNCLEAR)


def test_an_acknowledgement_ends_with_its_frame(sender):
    """Whatever follows it: some receivers end a line there."""
    said = acknowledgement("AA", "M1").encode() + b"\n"
    with blunt_receiver(lambda _: said) as port, sender(f"mllp://127.0.0.1:{port}") as mine:
        assert mine.send(hl7_message()) == Answer("AA")


def test_tls_takes_the_certificate_of_the_setting_and_no_other(sender, tmp_path):
    pem = certificate(tmp_path)
    said = acknowledgement("AA", "M1").encode()
    with blunt_receiver(lambda _: said, server_context(pem, pem)) as port:
        url = f"mllps://127.0.0.1:{port}"
        with sender(url, send_ca=pem, send_certificate=pem) as mine:
            assert mine.send(hl7_message()) == Answer("AA")
        with sender(url) as mine, pytest.raises(UnavailableError) as refused:
            mine.send(hl7_message())
    assert refused.value.code == DENIED
