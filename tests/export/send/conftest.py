"""What the tests of sending share."""

import pytest

from cxrreport.export.delivery import open_sender
from cxrreport.export.send.targets import parse_target
from cxrreport.settings import load_settings


@pytest.fixture
def sender(tmp_path):
    """Returns what sends to a URL, with settings; a target has half a second to answer."""

    def make(url, **settings):
        return open_sender(parse_target(url), load_settings(home=tmp_path, **{"send_timeout_s": 0.5, **settings}))

    return make
