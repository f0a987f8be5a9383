"""The wheel, built from the sdist, holds everything that a run needs: installed elsewhere, it runs without the checkout."""

import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from importlib.metadata import packages_distributions

import pytest
from builders.data import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_layers import imports, sources


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist and the wheel made from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(built):
    return built[1]


def test_the_sdist_holds_every_file_of_the_repository(built):
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout to compare with")
    tracked = {name for name in run("git", "ls-files", cwd=ROOT).splitlines() if (ROOT / name).exists()}
    with tarfile.open(built[0]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert "setup.py" in tracked and tracked <= held, sorted(tracked - held)


def test_wheel_holds_code_migrations_weights_and_licences(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {"cli/main.py", "migrations/env.py", "reports/labels.yaml", "trust/trust.toml", "py.typed"}
    weights = {
        f"weights/{p.name}" for p in (ROOT / "weights").iterdir() if p.suffix in (".json", ".safetensors", ".txt")
    }
    assert "weights/LICENSE.txt" in weights and {f"cxrreport/{name}" for name in code | weights} <= names
    assert not any(name.startswith(("tests/", "cli/", "benchmarks/")) for name in names)


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return message_from_string(archive.read(f"{info(wheel)}/METADATA").decode())


def info(wheel):
    """Folder of the wheel's own records."""
    return "-".join(wheel.name.split("-")[:2]) + ".dist-info"


def test_metadata_name_both_licences_and_carry_their_texts(wheel, metadata):
    files = metadata.get_all("License-File")
    with zipfile.ZipFile(wheel) as archive:
        texts = {name: archive.read(f"{info(wheel)}/licenses/{name}") for name in files}
    assert metadata["License-Expression"] == "Apache-2.0 AND LicenseRef-cxrreport-weights-research-only"
    assert texts == {name: (ROOT / name).read_bytes() for name in ("LICENSE", "weights/LICENSE.txt", "MODEL_CARD.md")}
    assert b"LicenseRef-cxrreport-weights-research-only" in texts["weights/LICENSE.txt"]


def test_what_is_imported_is_required_and_pinned_and_nothing_else_is(metadata):
    names = {name.partition(".")[0] for path in sources() for name in imports(path)}
    homes = packages_distributions()
    imported = {canonicalize_name(homes[name][0]) for name in names - sys.stdlib_module_names - {"cxrreport"}}
    needed = map(Requirement, metadata.get_all("Requires-Dist"))
    required = {canonicalize_name(one.name): one.marker for one in needed if str(one.marker) != 'extra == "test"'}
    always = {name for name, marker in required.items() if marker is None}
    pins = {canonicalize_name(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().split()}
    assert always <= imported <= set(required) <= pins


def test_installed_elsewhere_it_runs(wheel, tmp_path):
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    environment = {**os.environ, "PYTHONPATH": str(site), "CXRREPORT_HOME": str(tmp_path / "home")}
    where = "import cxrreport, cxrreport.cli.main as m; print(cxrreport.__file__); print(m.__file__)"
    found = run(sys.executable, "-c", where, cwd=tmp_path, env=environment).split()
    assert all(path.startswith(str(site)) for path in found)
    cxrreport = [sys.executable, site / "bin" / "cxrreport"]
    assert "generate" in run(*cxrreport, "--help", cwd=tmp_path, env=environment)
    (tmp_path / "export").mkdir()
    run(*cxrreport, "generate", "export", "--dry-run", cwd=tmp_path, env=environment)  # migrations run from the wheel
    assert "patients" in run(*cxrreport, "status", cwd=tmp_path, env=environment)
