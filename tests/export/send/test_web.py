"""STOW-RS: what counts as stored, what is refused, what is tried again, and where credentials go."""

import base64
import json
from contextlib import nullcontext

import pytest
from builders.ports import free_port
from builders.receivers import (
    NAMES_A_PATIENT,
    certificate,
    dicom_object,
    server_context,
    stored_response,
    web_service,
)

from cxrreport.errors import ConfigurationError, UnavailableError
from cxrreport.export.send.protocol import DENIED, REFUSED, UNCLEAR, UNREACHABLE, Answer
from cxrreport.export.send.targets import parse_target

FAILED = {
    "00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [0xA900]}}]},
    "00081190": {"vr": "UR", "Value": [f"http://pacs/{NAMES_A_PATIENT}"]},
}


def url(service, scheme="http"):
    return f"{scheme}://127.0.0.1:{service.server_port}/dicom-web"


def test_an_object_is_stored(sender, tmp_path):
    with web_service() as service, sender(url(service)) as mine:
        assert mine.send(dicom_object(tmp_path, "1.2.7")) == Answer("http 200")
    assert service.stored == ["1.2.7"] and "Authorization" not in service.asked[0]


def test_a_large_object_is_stored_whole(sender, tmp_path):
    from io import BytesIO

    from pydicom import dcmread, dcmwrite

    dataset, buffer = dcmread(BytesIO(dicom_object(tmp_path, "1.2.8"))), BytesIO()
    dataset.PixelData = bytes(3_000_000)
    dcmwrite(buffer, dataset)
    with web_service() as service, sender(url(service)) as mine:
        assert mine.send(buffer.getvalue()) == Answer("http 200")
    assert service.stored == ["1.2.8"]


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (202, json.dumps(FAILED).encode(), Answer("http 202, reason 0xA900", REFUSED)),
        (202, stored_response("1.2.3", "1.2.826.1.1"), Answer("http 202")),
        (409, json.dumps(FAILED).encode(), Answer("http 409", REFUSED)),
        (400, NAMES_A_PATIENT.encode(), Answer("http 400", REFUSED)),
        (500, NAMES_A_PATIENT.encode(), Answer("http 500", REFUSED)),
    ],
)
def test_an_answer_is_a_status_and_nothing_of_the_services_words(sender, tmp_path, status, body, answer):
    with web_service((status, body)) as service, sender(url(service)) as mine:
        assert mine.send(dicom_object(tmp_path)) == answer


XML = b"""<NativeDicomModel><DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence"><Item number="1">
<DicomAttribute tag="00081155" vr="UI" keyword="ReferencedSOPInstanceUID"><Value number="1">1.2.826.1.1</Value>
</DicomAttribute></Item></DicomAttribute></NativeDicomModel>"""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (stored_response("1.2.826.1.1"), "application/dicom+json; charset=utf-8"),
        (stored_response("1.2.826.1.1"), "Application/JSON"),
        (XML, "application/dicom+xml"),
    ],
)
def test_an_answer_that_names_the_object_is_read_in_every_form_that_it_has(sender, tmp_path, body, kind):
    with web_service((200, body, kind)) as service, sender(url(service)) as mine:
        assert mine.send(dicom_object(tmp_path)) == Answer("http 200")


@pytest.mark.parametrize(
    "answer",
    [
        (200, b""),
        (200, b"{}"),
        (200, stored_response("1.2.3")),
        (200, b'{"00081199": {"vr": "SQ"}}'),
        (200, b"<html>Log in</html>", "text/html"),
        (204, b""),
        (300, b"Choose", "text/plain"),
        (202, NAMES_A_PATIENT.encode()),
        (202, b"[1]"),
        (202, b'{"00081198": {"vr": "SQ", "Value": ["x"]}}'),
        (200, b'{"00081198": {"vr": "LO", "Value": ["x"]}}'),
        (200, b'{"00081198": {"vr": "ZZ", "Value": [1]}}'),
        (200, b'{"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": ["x"]}}]}}'),
        (200, b"[" * 3000),
        (200, b"no XML", "application/dicom+xml"),
        (200, b"<a/>", "application/dicom+xml"),
        (200, stored_response("1.2.826.1.1"), "text/plain"),
    ],
    ids=repr,
)
def test_what_does_not_name_the_object_tells_nobody_whether_it_was_taken(sender, tmp_path, answer):
    with web_service(answer) as service, sender(url(service)) as mine:
        assert mine.send(dicom_object(tmp_path)) == Answer(f"http {answer[0]}, no readable answer", UNCLEAR)


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_service_that_lets_nobody_in_ends_it(sender, tmp_path, status):
    with (
        web_service((status, NAMES_A_PATIENT.encode())) as service,
        sender(url(service)) as mine,
        pytest.raises(UnavailableError) as refused,
    ):
        mine.send(dicom_object(tmp_path))
    assert refused.value.code == DENIED and "Poe" not in refused.value.message


def test_a_busy_service_may_be_asked_again(sender, tmp_path):
    with web_service((503, b"")) as service, sender(url(service)) as mine:
        with pytest.raises(UnavailableError) as busy:
            mine.send(dicom_object(tmp_path))
        assert busy.value.code == UNREACHABLE
        assert mine.send(dicom_object(tmp_path)) == Answer("http 200")


def test_nobody_there_is_told_with_the_place(sender, tmp_path):
    port = free_port()
    with sender(f"http://127.0.0.1:{port}/dicom-web") as mine, pytest.raises(UnavailableError, match=str(port)) as away:
        mine.send(dicom_object(tmp_path))
    assert away.value.code == UNREACHABLE


def test_what_is_sent_follows_no_other_address_and_no_proxy(sender, tmp_path, monkeypatch):
    with web_service() as other, web_service((307, url(other).encode() + b"/studies")) as service:
        monkeypatch.setenv("HTTP_PROXY", url(other))
        monkeypatch.setenv("http_proxy", url(other))
        with sender(url(service)) as mine, pytest.raises(UnavailableError) as led:
            mine.send(dicom_object(tmp_path))
    assert led.value.code == DENIED and other.asked == [] and len(service.asked) == 1


@pytest.mark.parametrize(
    ("secret", "header"),
    [("nächtlich:a:b", "Basic " + base64.b64encode("nächtlich:a:b".encode()).decode()), ("abc.def", "Bearer abc.def")],
)
def test_credentials_go_to_their_own_place_alone(sender, tmp_path, secret, header):
    with web_service() as mine, web_service() as other:
        credentials = {f"127.0.0.1:{mine.server_port}": secret}
        for service in (mine, other):
            with sender(url(service), send_credentials=credentials) as one:
                one.send(dicom_object(tmp_path))
    assert mine.asked[0]["Authorization"] == header and "Authorization" not in other.asked[0]


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("http://pacs.example.org/dicom-web", True),
        ("http://127.0.0.1.example.org/dicom-web", True),
        ("http://10.0.0.1/dicom-web", True),
        ("https://pacs.example.org/dicom-web", False),
        ("http://localhost/dicom-web", False),
        ("http://[::1]/dicom-web", False),
    ],
)
def test_credentials_do_not_leave_the_machine_in_clear_text(sender, url, refused):
    sender(url)  # without any there is nothing to protect
    credentials = {parse_target(url).place: "geheim"}
    with pytest.raises(ConfigurationError) if refused else nullcontext() as told:
        sender(url, send_credentials=credentials)
    assert not refused or (told.value.code == "send.clear" and "geheim" not in told.value.message)


def test_tls_takes_the_certificate_of_the_setting_and_no_other(sender, tmp_path):
    pem = certificate(tmp_path)
    with web_service(tls=server_context(pem)) as service:
        with sender(url(service, "https"), send_ca=pem) as mine:
            assert mine.send(dicom_object(tmp_path)) == Answer("http 200")
        with sender(url(service, "https")) as mine, pytest.raises(UnavailableError) as refused:
            mine.send(dicom_object(tmp_path))
    assert refused.value.code == DENIED
