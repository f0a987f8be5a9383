"""C-STORE: what counts as taken, what is refused, and an association that ends."""

import pytest
from builders.dicom import EXPLICIT, IMPLICIT, JPEG_BASELINE
from builders.ports import free_port
from builders.receivers import certificate, dicom_archive, dicom_object, server_context
from pynetdicom.sop_class import Comprehensive3DSRStorage, SecondaryCaptureImageStorage

from cxrreport.errors import ConfigurationError, UnavailableError
from cxrreport.export.send.protocol import DENIED, REFUSED, UNREACHABLE, Answer


def url(archive, title="PACS", scheme="dicom", options=""):
    return f"{scheme}://{title}@127.0.0.1:{archive.port}{options}"


def test_objects_of_two_classes_are_stored(sender, tmp_path):
    objects = [dicom_object(tmp_path, "1.2.1"), dicom_object(tmp_path, "1.2.2", Comprehensive3DSRStorage)]
    with dicom_archive() as archive, sender(url(archive)) as mine:
        assert [mine.send(content) for content in [*objects, *objects]] == [Answer("status 0x0000")] * 4
    assert archive.stored == ["1.2.1", "1.2.2"] * 2
    assert archive.associations == 2, "one for each class that was not asked for before, none for the rest"


def test_an_archive_of_implicit_vr_is_served(sender, tmp_path):
    with dicom_archive(syntaxes=[IMPLICIT]) as archive, sender(url(archive)) as mine:
        assert mine.send(dicom_object(tmp_path)) == Answer("status 0x0000")


def test_a_picture_is_sent_compressed_or_plain_as_the_archive_can(sender, tmp_path):
    """An archive that knows no JPEG gets the pixels, under the same identifier."""
    packed = dicom_object(tmp_path, "1.2.5", syntax=JPEG_BASELINE)
    for syntaxes in ([EXPLICIT, JPEG_BASELINE], [EXPLICIT]):
        with dicom_archive(syntaxes=syntaxes) as archive, sender(url(archive)) as mine:
            assert mine.send(packed) == Answer("status 0x0000")
        assert archive.stored == ["1.2.5"] and archive.syntaxes == syntaxes[-1:]


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (0xB000, Answer("status 0xB000")),
        (0xA700, Answer("status 0xA700", REFUSED)),
        (0xA900, Answer("status 0xA900", REFUSED)),
        (0xC001, Answer("status 0xC001", REFUSED)),
    ],
)
def test_a_status_is_taken_or_refused_without_the_archives_words(sender, tmp_path, status, answer):
    with dicom_archive(status) as archive, sender(url(archive)) as mine:
        assert mine.send(dicom_object(tmp_path)) == answer


def test_a_broken_association_is_followed_by_another(sender, tmp_path):
    with dicom_archive(0, -1) as archive, sender(url(archive)) as mine:
        mine.send(dicom_object(tmp_path, "1.2.1"))
        with pytest.raises(UnavailableError) as broken:
            mine.send(dicom_object(tmp_path, "1.2.2"))
        assert broken.value.code == UNREACHABLE
        assert mine.send(dicom_object(tmp_path, "1.2.2")) == Answer("status 0x0000")
    assert archive.stored == ["1.2.1", "1.2.2"] and archive.associations == 2


def test_an_association_that_ends_the_moment_before_an_object_is_followed_by_another(sender, tmp_path, monkeypatch):
    with dicom_archive() as archive, sender(url(archive)) as mine:
        mine.send(dicom_object(tmp_path, "1.2.1"))
        send = mine._association.send_c_store
        monkeypatch.setattr(mine._association, "send_c_store", lambda one: mine._association.abort() or send(one))
        with pytest.raises(UnavailableError) as ended:
            mine.send(dicom_object(tmp_path, "1.2.2"))
        assert ended.value.code == UNREACHABLE
        assert mine.send(dicom_object(tmp_path, "1.2.2")) == Answer("status 0x0000")
    assert archive.stored == ["1.2.1", "1.2.2"]


def test_an_archive_that_knows_no_class_of_ours_refuses(sender, tmp_path):
    with dicom_archive(classes=[Comprehensive3DSRStorage]) as archive, sender(url(archive)) as mine:
        assert mine.send(dicom_object(tmp_path)) == Answer("no presentation context", REFUSED)
        report = dicom_object(tmp_path, "1.2.3", Comprehensive3DSRStorage)
        assert mine.send(report) == Answer("status 0x0000")
        assert mine.send(dicom_object(tmp_path)) == Answer("no presentation context", REFUSED)


@pytest.mark.parametrize(
    ("options", "title", "calling", "why"),
    [
        ({"called": True}, "OTHER", "", "AE title that this system has"),
        ({"callers": ["RIS"]}, "PACS", "?calling=STRANGER", "calling"),
    ],
)
def test_a_title_that_is_not_known_ends_it(sender, tmp_path, options, title, calling, why):
    with (
        dicom_archive(**options) as archive,
        sender(url(archive, title, options=calling)) as mine,
        pytest.raises(UnavailableError, match=why) as refused,
    ):
        mine.send(dicom_object(tmp_path))
    assert refused.value.code == DENIED


def test_the_title_of_the_url_is_ours(sender, tmp_path):
    with dicom_archive(callers=["NIGHT"]) as archive, sender(url(archive, options="?calling=NIGHT")) as mine:
        assert mine.send(dicom_object(tmp_path)) == Answer("status 0x0000")


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_nobody_there_is_told_with_the_place(sender, tmp_path, host):
    with sender(f"dicom://PACS@{host}:{free_port()}") as mine, pytest.raises(UnavailableError, match=host) as away:
        mine.send(dicom_object(tmp_path))
    assert away.value.code == UNREACHABLE


def test_tls_asks_both_sides_for_a_certificate(sender, tmp_path):
    pem = certificate(tmp_path)
    with dicom_archive(tls=server_context(pem, pem)) as archive:
        tls = url(archive, scheme="dicom+tls")
        with sender(tls, send_ca=pem, send_certificate=pem) as mine:
            assert mine.send(dicom_object(tmp_path)) == Answer("status 0x0000")
        with sender(tls) as mine, pytest.raises(UnavailableError):
            mine.send(dicom_object(tmp_path))
        with sender(url(archive)) as mine, pytest.raises(UnavailableError):
            mine.send(dicom_object(tmp_path))
    assert len(archive.stored) == 1


@pytest.mark.parametrize("name", ["send_ca", "send_certificate"])
def test_a_certificate_that_is_none_is_told_before_anything_is_sent(sender, tmp_path, name):
    (tmp_path / "x.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=name) as bad:
        sender("dicom+tls://PACS@127.0.0.1:1", **{name: tmp_path / "x.pem"})
    assert bad.value.code == "send.certificate"


def test_the_other_class_is_asked_for_in_the_open_association_no_more(sender, tmp_path):
    """Nothing is left open at the end."""
    with dicom_archive() as archive:
        with sender(url(archive)) as mine:
            mine.send(dicom_object(tmp_path, sop_class=SecondaryCaptureImageStorage))
        assert not mine._association.is_established
