"""URLs of `--send`: what they mean, and what is refused without repeating a secret."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cxrreport.errors import UsageError
from cxrreport.export.send.targets import Target, parse_target


def test_a_url_names_way_place_and_titles():
    assert parse_target("dicom://ORTHANC@127.0.0.1:4242") == Target(
        "dicom://ORTHANC@127.0.0.1:4242", "dicom", "127.0.0.1", 4242, called="ORTHANC", calling="CXRREPORT"
    )
    titled = parse_target("dicom+tls://PACS@pacs.example.org:2762?calling=NIGHT")
    assert (titled.calling, titled.tls, titled.format) == ("NIGHT", True, "sr")
    web = parse_target("https://PACS.example.org/dicom-web/")
    assert web == Target("https://pacs.example.org/dicom-web", "https", "pacs.example.org", 443, "/dicom-web")
    assert (web.place, parse_target("http://pacs:8042/dicom-web").place) == ("pacs.example.org", "pacs:8042")
    hl7 = parse_target("mllps://[fe80::1]:2575")
    assert (hl7.host, hl7.port, hl7.tls, hl7.format) == ("fe80::1", 2575, True, "hl7")


def test_two_ways_to_write_one_target_have_one_name():
    """Else an object would be sent twice."""
    urls = ("https://pacs/dicom-web", "https://PACS:443/dicom-web/")
    assert len({parse_target(url).name for url in urls}) == 1
    callers = ("dicom://PACS@pacs:104", "dicom://PACS@pacs:104?calling=OTHER")
    assert len({parse_target(url).name for url in callers}) == 1


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "pacs",
            "pacs:104",
            "ftp://pacs/x",
            "mllp://pacs",
            "mllp://:2575",
            "mllp://pacs:2575/x",
            "mllp://a:99999",
        ),
        *("dicom://pacs:104", "dicom://A_TITLE_TOO_LONG_@pacs:104", "dicom://A@pacs", "dicom://A@pacs:104?tls=1"),
        *(
            "dicom://A@pacs:104?calling=",
            "https:///dicom-web",
            "https://pacs/dicom-web?token=geheim",
            "https://pacs/#x",
        ),
        *("http://pa cs/dicom-web", "http://pacs/a b", "mllp://pacs:2575?x=y", "http://[::1/x", "dicom://A@[pacs]:104"),
    ],
)
def test_what_is_no_target_is_refused(url):
    with pytest.raises(UsageError) as refused:
        parse_target(url)
    assert refused.value.code == "send.target" and "geheim" not in refused.value.message


@pytest.mark.parametrize(
    "url", ["https://me:geheim@pacs/x", "https://geheim@pacs/x", "dicom://A:geheim@pacs:104", "mllp://u:geheim@pacs:1"]
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(url):
    with pytest.raises(UsageError, match="send_credentials") as refused:
        parse_target(url)
    assert "geheim" not in refused.value.message


@given(st.text(max_size=40) | st.from_regex(r"(dicom|https?|mllp)://[ -~]{0,30}", fullmatch=True))
@example("https://[")
def test_any_text_is_a_target_or_refused(text):
    try:
        target = parse_target(text)
    except UsageError:
        return
    again = parse_target(target.name)
    assert (again.name, again.host, again.port, again.path) == (target.name, target.host, target.port, target.path)
