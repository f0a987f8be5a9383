"""Drafts sent to a real PACS: an Orthanc in a network of its own takes them by both ways, into the study that they are of."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders.programs import need
from builders.tool import Tool

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
STUDY = "1.2.9.103"
# The films of the patient are there; a draft is sent by both ways, then again; then the PACS is asked what it holds.
NIGHT = """
set -eu
ip link set lo up
Orthanc pacs.json 2>pacs.log & pacs=$!
trap 'kill $pacs; wait' EXIT
until curl -sf localhost:8042/system >answer; do sleep 0.1; done
for film in films/P1/*; do curl -sf --data-binary "@$film" localhost:8042/instances >answer; done
for call in 1 2; do
  {cxrreport} export --study A103 --send dicom://PACS@127.0.0.1:4242 --send http://127.0.0.1:8042/dicom-web --json
done
curl -sf localhost:8042/dicom-web/studies/{study}/series | tr -d '\\n'; echo
curl -sf localhost:8042/statistics | tr -d '\\n'; echo
findscu -S -aet CXRREPORT -aec PACS -k QueryRetrieveLevel=SERIES -k StudyInstanceUID={study} -k Modality \\
  127.0.0.1 4242 2>&1
"""


def test_an_orthanc_takes_drafts_into_their_studies(drafted: Tool, shared_export: Path, tmp_path: Path) -> None:
    for program in ("Orthanc", "findscu", "curl", "ip"):
        need(program)
    if not PLUGIN.exists():
        pytest.skip("orthanc-dicomweb is not installed")
    if subprocess.run([need("unshare"), "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace can be made")
    (tmp_path / "films").symlink_to(shared_export, target_is_directory=True)
    settings = {"DicomAet": "PACS", "DicomPort": 4242, "HttpPort": 8042, "DicomCheckCalledAet": True}
    places = {"StorageDirectory": str(tmp_path / "storage"), "IndexDirectory": str(tmp_path / "storage")}
    (tmp_path / "storage").mkdir()
    known = {"own": ["CXRREPORT", "127.0.0.1", 104]}
    pacs = {**settings, **places, "Plugins": [str(PLUGIN)], "DicomModalities": known}
    (tmp_path / "pacs.json").write_text(json.dumps(pacs))
    cxrreport = f"{sys.executable} -m cxrreport --home {drafted.home}"
    script = NIGHT.format(cxrreport=cxrreport, study=STUDY)
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    first, again, series, statistics, *found = done.stdout.splitlines()
    assert [json.loads(call)["sent"] for call in (first, again)] == [6, 0]
    films, objects = 5, 3  # the films of three studies; an object that comes by the other way too is the same
    assert json.loads(statistics)["CountInstances"] == films + objects
    assert json.loads(statistics)["CountStudies"] == 3, "every object is in a study that was there before"
    kinds = sorted(one["00080060"]["Value"][0] for one in json.loads(series))
    assert kinds == ["DX", "OT", "SR"]
    assert sorted(re.findall(r"\(0008,0060\) CS \[(\w+)", "\n".join(found))) == kinds
    assert drafted.rows("SELECT answer, count(*) FROM delivery WHERE delivered GROUP BY 1 ORDER BY 1") == [
        ("http 200", 3),
        ("status 0x0000", 3),
    ]
