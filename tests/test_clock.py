"""What stages take: added up by stage, whoever measured it."""

import time

import pytest

from cxrreport.clock import Clock


def test_wall_and_processor_seconds_add_up_by_stage():
    clock, other = Clock(), Clock()
    with clock.time("rest"):
        time.sleep(0.02)
    clock.add("read", 1.0, 0.5)
    other.add("read", 2.0, 1.25)
    clock.include(other.take())
    assert other.as_dict() == {}
    found = clock.as_dict()
    assert found["read"] == {"wall_s": 3.0, "cpu_s": 1.75}
    assert found["rest"]["wall_s"] >= 0.02 and found["rest"]["cpu_s"] <= found["rest"]["wall_s"]


def test_a_stage_that_fails_is_counted():
    clock = Clock()
    with pytest.raises(ValueError, match="no"), clock.time("draft"):
        raise ValueError("no")
    assert "draft" in clock.as_dict()
