"""HL7 v2 messages of a file: framing, and what python-hl7, the peer, makes of the same fields."""

import hl7 as peer
import pytest
from builders.hl7 import MSH, PID, ROWS, message, obr
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.records import Failure, Report
from cxrreport.reports.parsing import hl7_messages
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.parsing.hl7_segments import parse_message
from cxrreport.reports.readers import hl7

TWO = (message(order=obr(filler="A1")), message(order=obr(filler="A2")))
LOG = "2024-05-06 12:00:00.1|INFO|TcpServer|\n<SB>\n{}\n<EB><R>\n\n"


@pytest.mark.parametrize(
    "content",
    [
        "".join(TWO),
        "".join(TWO).replace("\r", "\n"),
        "".join(TWO).replace("\r", "\r\n"),
        "".join(f"\x0b{one}\x1c\r" for one in TWO),
        r"FHS|^~\&|RIS" + "\r" + r"BHS|^~\&|RIS" + "\r" + "".join(TWO) + "BTS|2\rFTS|1\r",
        "".join(LOG.format(one.replace("\r", "<R>\n")) for one in TWO),
        "".join(LOG.format(one.replace("\r", "<R>\r\n")) for one in TWO),
        "\n".join(f"2024-05-06 12:00:00|INFO|\n{one}" for one in TWO),
        "\ufeff" + "".join(TWO),
        "".join(TWO).encode("utf-16"),
    ],
)
def test_every_framing_gives_the_same_reports(read, content):
    found = read("feed.hl7", content)
    assert [(one.accession, one.findings, one.impression) for one in found] == [
        ("A1", "Clear lungs.", "Normal."),
        ("A2", "Clear lungs.", "Normal."),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_marks_across_chunks_are_found(tmp_path, monkeypatch, size):
    path = tmp_path / "a.log"
    path.write_text("".join(LOG.format(one.replace("\r", "<R>\r\n")) for one in TWO))
    whole = list(hl7_messages.read_messages(path))
    data = path.read_bytes()
    monkeypatch.setattr(
        hl7_messages.decode, "chunks", lambda _: (data[at : at + size] for at in range(0, len(data), size))
    )
    assert len(whole) == 2
    pieces = [
        segment for one in hl7_messages.read_messages(path) for segment in one if segment.startswith((b"OBR", b"OBX"))
    ]
    assert pieces == [segment for one in whole for segment in one if segment.startswith((b"OBR", b"OBX"))]


def test_memory_is_bounded_by_the_largest_message(read, monkeypatch):
    monkeypatch.setattr(hl7_messages, "MAX_MESSAGE", 2000)
    huge = message(*(f"OBX|{n}|TX|||{'x' * 90}||||||F" for n in range(100)))
    endless = message("OBX|1|TX|||" + "y" * 9000)
    found = read("feed.hl7", TWO[0] + huge + endless + TWO[1])
    assert [getattr(one, "code", None) for one in found] == [None, "report.too_large", "report.too_large", None]
    assert found[1].message == "Message 2 of an HL7 file is larger than 4 MB."


# -- broken messages --------------------------------------------------------------------------------------------------


def test_broken_messages_have_a_position_and_stop_nothing(tmp_path, read):
    nameless = message(head="MSH|")
    no_order = f"{MSH}\r{PID}\r"
    found = read("feed.hl7", TWO[0] + nameless + no_order + "MSH|abcd|x\r" + TWO[1], "hl7")
    assert [getattr(one, "code", None) for one in found] == [None, *["report.malformed"] * 3, None]
    assert found[1].message == "Message 2 of an HL7 file names no separators in its MSH segment."
    assert found[2].message == "Message 3 of an HL7 file has no OBR segment."
    assert found[1].path == str(tmp_path / "feed.hl7")


def test_a_frame_without_a_message_is_a_failure(read):
    found = read("feed.hl7", LOG.format("Unparseable message of JANE DOE") + LOG.format(TWO[0].replace("\r", "<R>\n")))
    assert [getattr(one, "code", None) for one in found] == ["report.malformed", None]
    assert "DOE" not in found[0].message


WORDS = st.text(alphabet="aé ^&~.9", max_size=12)


@given(st.lists(WORDS, min_size=1, max_size=8))
@settings(max_examples=80, deadline=None)
def test_fields_are_python_hl7s(values):
    lines = [MSH, "OBX|" + "|".join(values)]
    theirs = peer.parse("\r".join(lines))
    ours = parse_message([line.encode() for line in lines])
    for number in range(1, len(values) + 1):
        assert ours[1].field(number).strip() == str(theirs[1][number]).strip()
        first = theirs[1][number](1) if isinstance(theirs[1][number], peer.Field) else theirs[1][number]
        if not set(values[number - 1]) & set("&~^"):
            assert ours[1].component(number, 1) == str(first).strip()


@given(st.lists(st.sampled_from([r"\F\ ", r"\S\x", r"\T\ ", r"\R\ ", r"\E\ ", "word ", r"\X41\ "]), max_size=8))
@settings(max_examples=80, deadline=None)
def test_escapes_are_python_hl7s(parts):
    text = "".join(parts)
    theirs = peer.parse(MSH + "\r")
    (head,) = parse_message([MSH.encode()])
    assert head.delimiters.unescape(text) == theirs.unescape(text)


LINES = st.sampled_from(
    [
        MSH,
        PID,
        obr(),
        *ROWS,
        "ZDS|1.2.3",
        "NTE|1||x",
        "ORC",
        "OBX",
        "MSH",
        "MSH|",
        "<SB>",
        "<EB>",
        "\x0b",
        "\x1c",
        "OBX|||||\\X",
        "PID|~^&|~^~|^",
    ]
)


@given(
    st.lists(st.one_of(LINES.map(str.encode), st.binary(max_size=40)), max_size=14),
    st.sampled_from([b"\r", b"\n", b"<R>\n"]),
)
@settings(max_examples=250, deadline=None)
def test_no_bytes_raise(tmp_path_factory, lines, end):
    path = tmp_path_factory.getbasetemp() / "fuzz.hl7"
    path.write_bytes(end.join(lines))
    for found in hl7.read(path):
        assert isinstance(found, (Report, Failure, Skipped))
        if isinstance(found, Failure):
            assert found.code in ("report.malformed", "report.too_large") and "DOE" not in found.message
