import json

import pytest

from cxrreport.training.metrics import MetricsLog


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_epoch_has_one_line_however_often_the_run_was_killed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [{"stage": "data"}, {"stage": "encoder", "epoch": 1, "loss": 2.0}, {"stage": "network", "epoch": 1}]
    for _ in range(2):
        log = MetricsLog(path)
        for line in (*lines, lines[1]):
            log.add(line)
    assert read(path) == [*lines, lines[0]]


@pytest.mark.parametrize("torn", [b'{"stage": "encoder", "epoch": 2, "lo', b"\xff\xfe", b"[1]", b"null"])
def test_half_a_line_counts_for_nothing_and_spoils_no_other(tmp_path, torn):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"stage": "encoder", "epoch": 1}\n' + torn)
    log = MetricsLog(path)
    log.add({"stage": "encoder", "epoch": 2})
    log.add({"stage": "encoder", "epoch": 3})
    whole = path.read_bytes().splitlines()
    assert whole[1] == torn and [json.loads(line)["epoch"] for line in (whole[0], *whole[2:])] == [1, 2, 3]
