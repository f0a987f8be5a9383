"""Work spread over a Ray cluster: every item comes back once, whatever is lost on the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from builders import work
from builders.cluster import Cluster, running
from builders.data import ROOT

from cxrreport.errors import InputError, UnavailableError, WeightsError


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running(2) as found, pytest.MonkeyPatch.context() as patch:
        for name, value in found.environment.items():
            patch.setenv(name, value)
        yield found


@pytest.fixture
def joined(cluster: Cluster) -> Iterator[Any]:
    """That cluster, of which this process is a part."""
    from cxrreport.engine import ray

    before = signal.getsignal(signal.SIGTERM)
    with ray.Cluster(cluster.head) as joined:
        assert signal.getsignal(signal.SIGTERM) is before  # Ray would take it from the run
        yield joined


@pytest.fixture
def engine(joined: Any) -> Any:
    """The engine with a worker on each of its machines."""
    from cxrreport.engine.ray import Needs, RayEngine

    return RayEngine(Needs(), joined.room(Needs()))


def test_errors_are_values_and_cost_their_item_alone(engine: Any) -> None:
    items = [*range(20), "bad", "defect", "die", "threads", *range(20, 40)]
    found = list(engine.spread(work.make, items))
    assert Counter(item for item, _ in found) == Counter(items)
    results = dict(found)
    codes = {item: value.code for item, value in results.items() if isinstance(value, InputError)}
    assert codes == {"bad": "pixels.malformed", "defect": "drafter.defect", "die": "drafter.lost"}
    assert "a name" not in str(results["defect"])
    assert results["threads"] == "1"
    assert all(results[number] == 2 * number for number in range(40))


def test_items_are_pulled_as_they_are_needed(engine: Any) -> None:
    pulled: list[int] = []
    items = (pulled.append(number) or number for number in range(1000))
    for taken, _ in enumerate(engine.spread(work.make, items), 1):
        assert len(pulled) - taken <= 4  # two a worker
        if taken == 20:
            break


def test_what_a_machine_lacks_ends_the_work_and_names_it(engine: Any) -> None:
    with pytest.raises(WeightsError, match=r"^On the machine .+: A file of the weights") as raised:
        list(engine.spread(work.make_nothing, range(4)))
    assert raised.value.code == "weights.missing"


def test_a_result_is_taken_before_the_next_item_is_pulled(joined: Any) -> None:
    from cxrreport.engine.ray import Needs, RayEngine

    taken: list[int] = []
    items = (number for number in range(5) if len(taken) == number)
    for item, _ in RayEngine(Needs(), 1, ahead=False).spread(work.make, items):
        taken.append(int(item))
    assert taken == [0, 1, 2, 3, 4]


def test_what_a_vanished_machine_had_in_hand_is_done_elsewhere(joined: Any, engine: Any, cluster: Cluster) -> None:
    from cxrreport.engine.ray import Needs

    assert (joined.machines, joined.room(Needs())) == (3, 2)
    with pytest.raises(UnavailableError) as raised:
        joined.room(Needs(cpus=2))
    assert raised.value.code == "cluster.room"
    found = []
    for item, result in engine.spread(work.make, range(60)):
        found.append((item, result))
        if len(found) == 10:
            cluster.lose(1)
    assert sorted(found) == [(number, 2 * number) for number in range(60)]


@pytest.mark.parametrize("token", ["fedcba9876543210" * 4, None], ids=["another", "none"])
def test_whoever_has_not_its_token_is_refused(cluster: Cluster, tmp_path: Path, token: str | None) -> None:
    script = (
        "import sys\n"
        "from cxrreport.engine.ray import Cluster\n"
        "from cxrreport.errors import ConfigurationError\n"
        "try:\n"
        "    Cluster(sys.argv[1]).__enter__()\n"
        "except ConfigurationError as error:\n"
        "    print(error.code)\n"
    )
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}  # a token might lie in the user's home
    if token is not None:
        environment["RAY_AUTH_TOKEN"] = token
    command = [sys.executable, "-c", script, cluster.head]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (0, "cluster.token\n"), done.stderr


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
@pytest.mark.skipif(not find_spec("ray"), reason="needs Ray: pip install 'cxrreport[ray]'")
def test_a_ray_of_its_own_needs_no_network_and_leaves_nothing(tmp_path: Path) -> None:
    """In a network name space with nothing but its loopback."""
    script = (
        "from builders import work\n"
        "from cxrreport.engine.ray import Cluster, Needs, RayEngine\n"
        "with Cluster() as cluster:\n"
        "    assert cluster.machines == 1\n"
        "    assert sorted(RayEngine(Needs(), 1).spread(work.make, range(9))) == [(n, 2 * n) for n in range(9)]\n"
    )
    home, scratch = tmp_path / "home", Path("/tmp") / f"ray-{os.getpid()}"
    home.mkdir()
    scratch.mkdir()
    environment = {
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "tests"),
    }
    command = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$0" -c "$1"', sys.executable, script]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if "unshare" in done.stderr:
            pytest.skip("needs the right to make a network name space")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert list(home.iterdir()) == list(scratch.iterdir()) == []
    finally:
        shutil.rmtree(scratch)
