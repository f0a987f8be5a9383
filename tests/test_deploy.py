"""The files of docs/deploy do what docs/deploy.md says: the night, the unit, the roles, the wheelhouse."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from builders.data import ROOT
from builders.programs import need
from builders.tool import Tool
from cxrreport.cli.main import call
from sqlalchemy import create_engine, make_url, text

from cxrreport.settings import load_settings

DEPLOY = ROOT / "docs/deploy"


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


# -- the night --------------------------------------------------------------------------------------------------------


@pytest.fixture
def night(tmp_path: Path) -> Callable[..., tuple[int, list[list[str]]]]:
    """Return a function that runs a night of which the steps end with these codes; gives its code and the commands."""

    def run_night(
        config: Path | str, reports: Path | str, export: Path | str, codes: Sequence[int], **others: str
    ) -> tuple[int, list[list[str]]]:
        stub, said = tmp_path / "cxrreport", tmp_path / "said"
        said.write_text("")
        (tmp_path / "codes").write_text("".join(f"{code}\n" for code in codes))
        stub.write_text(
            f"#!/bin/sh\nprintf '%s\\t' \"$@\" >>{said}; echo >>{said}\n"
            f'exit "$(sed -n "$(wc -l <{said})p" {tmp_path}/codes)"\n'
        )
        stub.chmod(0o700)
        values = {
            "CXRREPORT": stub,
            "CONFIG": config,
            "REPORTS": reports,
            "EXPORT": export,
            "OUT": tmp_path / "out",
        } | others
        (tmp_path / "night.env").write_text("".join(f'{name}="{value}"\n' for name, value in values.items()))
        done = run("sh", DEPLOY / "nightly.sh", tmp_path / "night.env")
        return done.returncode, [line.split("\t")[:-1] for line in said.read_text().splitlines()]

    return run_night


@pytest.mark.parametrize(
    ("codes", "end", "steps"),
    [((0, 0, 0), 0, 3), ((0, 3, 0), 3, 3), ((3, 0, 0), 3, 3), ((0, 75, 0), 75, 2), ((78, 0, 0), 78, 1)],
)
def test_a_night_goes_on_after_single_failures_and_ends_at_any_other(
    night: Callable[..., tuple[int, list[list[str]]]], codes: Sequence[int], end: int, steps: int
) -> None:
    ended, commands = night("c", "r", "e", codes)
    assert (ended, len(commands)) == (end, steps)


def test_a_night_sends_to_all_targets_in_one_call_and_only_from_a_day_on(
    night: Callable[..., tuple[int, list[list[str]]]],
) -> None:
    targets = ["dicom://PACS@pacs.example:104", "mllps://ris.example:2575"]
    ended, commands = night("c", "r", "e", (0, 0, 0, 69), SEND=" ".join(targets), SEND_SINCE="2026-12-01")
    assert ended == 69 and commands[-1][3:] == [
        *("export", "--since", "2026-12-01", "--send", targets[0], "--send", targets[1], "--json"),
    ]
    ended, commands = night("c", "r", "e", (0, 0, 0), SEND=targets[0])
    assert ended not in (0, 3) and len(commands) == 3, "no day, nothing is sent"


def test_a_night_goes_on_where_no_priors_can_be_fetched(
    night: Callable[..., tuple[int, list[list[str]]]], tmp_path: Path
) -> None:
    ended, commands = night("c", "r", tmp_path, (0, 0, 0), PACS="NOBODY@127.0.0.1:1", STAMP=str(tmp_path / "stamp"))
    assert (ended, len(commands)) == (3, 3) and not (tmp_path / "stamp").exists()


def test_every_step_of_a_night_is_a_command_that_works(
    night: Callable[..., tuple[int, list[list[str]]]],
    drafted: Tool,
    shared_export: Path,
    shared_reports: Path,
    tmp_path: Path,
) -> None:
    config = tmp_path / "cxrreport.toml"
    told = (DEPLOY / "cxrreport.toml").read_text()
    config.write_text(
        told.replace("/srv/cxrreport", str(drafted.home)).replace("/var/lib/node_exporter", str(tmp_path))
    )
    _, commands = night(config, shared_reports, shared_export, (0, 0, 0))
    assert [call(command) for command in commands] == [0, 0, 0]
    assert (tmp_path / "cxrreport.prom").exists() and list((tmp_path / "out").iterdir())


def test_the_configuration_holds_settings_alone() -> None:
    assert load_settings(DEPLOY / "cxrreport.toml").expect_files


def test_the_units_are_what_systemd_takes(tmp_path: Path) -> None:
    analyse = need("systemd-analyze")
    for name in ("cxrreport.service", "cxrreport.timer", "storescp.service"):
        unit = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/sh", (DEPLOY / name).read_text(), flags=re.MULTILINE)
        (tmp_path / name).write_text(unit)
        found = run(analyse, "verify", "--man=no", tmp_path / name)
        assert (found.returncode, name in found.stderr) == (0, False), found.stderr


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def test_of_three_roles_each_can_do_its_own(
    new_postgres: Callable[..., str], tool: Tool, shared_export: Path, shared_reports: Path
) -> None:
    url = new_postgres()
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text((DEPLOY / "postgres.sql").read_text()))
    admin.dispose()

    def as_role(role: str) -> Tool:
        return Tool(tool.home, make_url(url).set(username=f"cxrreport_{role}").render_as_string(hide_password=False))

    owner, nightly, reader = map(as_role, ("owner", "run", "read"))
    assert nightly("index", shared_reports) == 78, "nobody has made the tables yet"
    assert owner("db", "upgrade") == 0
    nightly.json("index", shared_reports)
    assert nightly.json("generate", shared_export, "--limit", "1")["drafted"] == 1
    assert nightly("forget", "P1", "--yes") == 0
    assert reader("status") == 0 and reader.rows("SELECT count(*) FROM report") != [0]
    assert reader("index") == 78 and "GRANT" in reader.err


# -- the wheelhouse ---------------------------------------------------------------------------------------------------


def test_the_lock_names_each_wheel_with_its_digest(tmp_path: Path) -> None:
    recipe = re.search(r"sha256sum \*\.whl \|.*", (ROOT / "Makefile").read_text())
    assert recipe is not None
    for name in ("annotated_doc-0.0.7-py3-none-any.whl", "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"):
        (tmp_path / name).write_bytes(name.encode())
    assert run("sh", "-c", recipe[0], cwd=tmp_path).returncode == 0
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(tmp_path.glob("*.whl"))]
    assert (tmp_path / "requirements.lock").read_text().splitlines() == [
        f"annotated_doc==0.0.7 --hash=sha256:{digests[0]}",
        f"torch==2.13.0+cpu --hash=sha256:{digests[1]}",
    ]


# -- the cluster ------------------------------------------------------------------------------------------------------

SAYS = '#!/bin/sh\necho "{name} $* $RAY_AUTH_MODE" >>"$SAID"\n'


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """An environment whose `ray`, `srun` and `cxrreport` say how they were called; the night ends when it is asked to."""
    for name, then in (
        ("ray", ""),
        ("srun", ""),
        ("cxrreport", 'until grep -q ^srun "$SAID"; do sleep 0.1; done; exit ${NIGHT}\n'),
    ):
        (tmp_path / name).write_text(SAYS.format(name=name) + then)
        (tmp_path / name).chmod(0o700)
    here = {"PATH": f"{tmp_path}:/usr/bin:/bin:/usr/sbin", "SAID": str(tmp_path / "said"), "BIN": str(tmp_path)}
    return {**here, "RAY": str(tmp_path / "ray"), "HOME": str(tmp_path), "RAY_SH": str(DEPLOY / "ray.sh")}


@pytest.mark.parametrize(
    ("role", "start"), [("head", "start --head --port=6379"), ("worker", "start --address=10.9.0.1:6379")]
)
def test_a_machine_joins_the_cluster_as_its_file_says(
    programs: dict[str, str], tmp_path: Path, role: str, start: str
) -> None:
    line = f'set -a; . "{DEPLOY / "ray.env"}"; OWN=10.9.0.7 exec sh "{DEPLOY / "ray.sh"}" {role}'
    done = run("sh", "-c", line, env=programs)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text()
    assert start in said and "--node-ip-address=10.9.0.7" in said and "--node-manager-port=6380" in said
    assert said.endswith(" token\n")


@pytest.mark.parametrize("code", [0, 3, 69])
def test_a_night_on_slurm_makes_its_cluster_and_removes_it(programs: dict[str, str], tmp_path: Path, code: int) -> None:
    job = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NUM_NODES": "4", "SLURM_CPUS_PER_TASK": "16", "NIGHT": str(code)}
    done = run("sh", DEPLOY / "slurm.sh", "/etc/cxrreport.toml", "/pacs/export", env=programs | job)
    assert done.returncode == code, done.stderr
    said = (tmp_path / "said").read_text()
    assert "generate /pacs/export --engine ray --drafters 32 --json token" in said
    assert "srun --nodes=3 --ntasks=3" in said and "--num-cpus=16" in said
    assert not (tmp_path / "ray-4711").exists()  # nor the token in it
