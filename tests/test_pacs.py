"""Films from a PACS: a real Orthanc sends tonight's study, the priors are fetched, and what lies there is drafted."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from builders.data import ROOT
from builders.programs import need
from builders.tool import Tool

DEPLOY = ROOT / "docs/deploy"
RECEIVERS = {
    "storescp": "storescp --aetitle CXRREPORT --accept-all --fork --sort-on-study-uid study --output-directory export 11112",
    "Orthanc": "Orthanc receiver.json 2>receiver.log",
}
# in a network of its own: a PACS, filled; a receiver; tonight's study comes in; its priors are asked for, twice
EVENING = """
set -eu
ip link set lo up
Orthanc pacs.json 2>pacs.log & pacs=$!
{receiver} & receiver=$!
trap 'kill $pacs $receiver; wait' EXIT
until curl -sf localhost:8042/system >answer && echoscu -q -aec CXRREPORT 127.0.0.1 11112 2>>answer; do sleep 0.1; done
find films/ -type f | while read -r film; do curl -sf --data-binary "@$film" localhost:8042/instances >answer; done
movescu -S -aet CXRREPORT -aec PACS -aem CXRREPORT -k QueryRetrieveLevel=STUDY -k StudyInstanceUID=1.2.9.103 127.0.0.1 4242
for call in 1 2; do sh {script} export stamp PACS@127.0.0.1:4242 CXRREPORT; done
"""


def configure(folder: Path, name: str, **changes: object) -> None:
    """Write the configuration of an Orthanc as docs/deploy/orthanc.json has it, but for these values."""
    (folder / f"{name}-index").mkdir()
    shipped = json.loads((DEPLOY / "orthanc.json").read_text())
    own = {"IndexDirectory": str(folder / f"{name}-index"), "Plugins": []}
    (folder / f"{name}.json").write_text(json.dumps(shipped | own | changes))


@pytest.mark.parametrize("receiver", ["storescp", pytest.param("Orthanc", marks=pytest.mark.nightly)])
def test_what_a_pacs_sends_is_drafted_with_its_priors(
    receiver: str, tool: Tool, shared_export: Path, tmp_path: Path
) -> None:
    for program in ("Orthanc", "storescp", "findscu", "movescu", "echoscu", "dcmdump", "curl", "ip"):
        need(program)
    if subprocess.run([need("unshare"), "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace can be made")
    (tmp_path / "films").symlink_to(shared_export, target_is_directory=True)
    for folder in ("export", "storage"):
        (tmp_path / folder).mkdir()
    known = {"cxrreport": ["CXRREPORT", "127.0.0.1", 11112]}
    configure(tmp_path, "receiver", HttpPort=8043, StorageDirectory=str(tmp_path / "export"))
    configure(
        tmp_path,
        "pacs",
        DicomAet="PACS",
        DicomPort=4242,
        StorageDirectory=str(tmp_path / "storage"),
        DicomModalities=known,
    )
    script = EVENING.format(receiver=RECEIVERS[receiver], script=DEPLOY / "fetch-priors.sh")
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    again = 0 if receiver == "storescp" else 3  # storescp sorts by study, so that what lies there is known
    fetched = [2 if receiver == "storescp" else 3, again]
    assert done.stdout.splitlines() == [
        f"asked for 1 patients, fetched {number} studies, failed 0" for number in fetched
    ]
    assert tool.json("generate", tmp_path / "export", "--without-retrieval")["failed"] == {}
    assert tool.drafts() == {"A101": 1, "A102": 1, "A103": 1}, "one patient's studies, and no other's"
    assert tool.rows(
        "SELECT prior.accession FROM draft JOIN study ON study.id = draft.study_id"
        " JOIN study prior ON prior.id = draft.prior_study_id WHERE study.accession = 'A103'"
    ) == ["A102"]
