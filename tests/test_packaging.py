"""The wheel holds everything that a run needs: installed elsewhere, it runs there without the checkout."""

import os
import subprocess
import sys
import zipfile

import pytest
from builders.data import ROOT


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT)
    return next(out.glob("*.whl"))


def test_wheel_holds_code_migrations_and_weights(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"cxrreport/cli/main.py", "cxrreport/migrations/env.py", "cxrreport/reports/labels.yaml"} <= names
    weights = {path.name for path in (ROOT / "weights").iterdir() if path.suffix in (".json", ".safetensors", ".txt")}
    assert {f"cxrreport/weights/{name}" for name in weights} <= names
    assert not any(name.startswith(("tests/", "cli/", "benchmarks/")) for name in names)


def test_installed_elsewhere_it_runs(wheel, tmp_path):
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    environment = {**os.environ, "PYTHONPATH": str(site), "CXRREPORT_HOME": str(tmp_path / "home")}
    where = "import cxrreport, cxrreport.cli.main as m; print(cxrreport.__file__); print(m.__file__)"
    found = run(sys.executable, "-c", where, cwd=tmp_path, env=environment).split()
    assert all(path.startswith(str(site)) for path in found)
    cxrreport = [sys.executable, site / "bin" / "cxrreport"]
    assert "generate" in run(*cxrreport, "--help", cwd=tmp_path, env=environment)
    assert "patients" in run(*cxrreport, "status", cwd=tmp_path, env=environment)  # migrations ran from the wheel
