"""Which reasons of abstention can hold: by the parts of the weights, by the calibration, by the rule of a site."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.calibration import made_up_calibration
from builders.reference import strange
from builders.tool import Tool, copy_tree

from cxrreport.codes import Abstained
from cxrreport.model.manifest import NETWORK, UPRIGHT, read_manifest
from cxrreport.settings import Settings
from cxrreport.trust import policy
from cxrreport.trust.abstention import reasons

QUALITY, UNUSUAL, DOUBT = Abstained.QUALITY, Abstained.UNUSUAL, Abstained.DOUBT


def calibrate(home: Path, weights: Path) -> None:
    """A calibration of these weights, as `cxrreport calibrate` would leave it."""
    home.mkdir(exist_ok=True)
    network = read_manifest(weights)["files"][NETWORK]
    (home / "calibration.json").write_bytes(made_up_calibration(network).content)


def test_each_reason_hangs_on_its_own_part_alone(weights: Path, tmp_path: Path) -> None:
    own = copy_tree(weights, tmp_path / "own")
    settings = Settings(home=tmp_path / "home", weights=own)
    bare = {QUALITY: "", UNUSUAL: "the weights have no reference.safetensors", DOUBT: "nothing is calibrated"}
    assert reasons(settings) == bare
    calibrate(settings.home, own)
    assert reasons(settings) == bare | {DOUBT: ""}
    strange(own, 12)
    assert reasons(settings) == dict.fromkeys(bare, "")


@pytest.mark.parametrize(
    ("said", "so", "lacks"),
    [
        ("distance = ", "distance = inf  # ", {UNUSUAL: "the rule asks for none"}),
        ("doubt = ", "doubt = inf  # ", {DOUBT: "the rule asks for none"}),
        ("flags = ", "flags = []  # ", {QUALITY: "the rule asks for none"}),
        ("flags = ", 'flags = ["film_mirrored"]  # ', {QUALITY: f"the weights have no {UPRIGHT}"}),
    ],
)
def test_a_rule_that_asks_for_a_reason_no_more(
    weights: Path, tmp_path: Path, said: str, so: str, lacks: dict[Abstained, str]
) -> None:
    assert UPRIGHT not in read_manifest(weights)["files"]  # the view of a film alone tells that it is unusual
    shipped = Path(policy.__file__).with_name("trust.toml").read_text()
    (tmp_path / "own.toml").write_text(shipped.replace(said, so))
    settings = Settings(home=tmp_path / "home", weights=weights, trust=tmp_path / "own.toml")
    found = reasons(settings)
    assert found | lacks == found


def test_the_doctor_names_what_holds_and_what_others_lack(
    tool: Tool, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tool.json("doctor")["abstention"]
    assert found["ok"] and found["found"] == (
        "abstain.quality; not abstain.unusual: the weights have no reference.safetensors"
        "; not abstain.doubt: nothing is calibrated"
    )
    calibrate(tool.home, weights)
    assert tool.json("doctor")["abstention"]["found"].startswith("abstain.quality, abstain.doubt; not abstain.unusual")
