"""The Python API does what docs/api.md shows, and costs nothing until it is asked for."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from builders.data import ROOT
from builders.tool import copy_tree

import cxrreport
from cxrreport.errors import ConfigurationError, LockedError, UsageError

BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def place(tmp_path, monkeypatch, shared_export, shared_reports, environment):
    """A folder with an export and reports, in which the page is run."""
    copy_tree(shared_export, tmp_path / "pacs")
    copy_tree(shared_reports, tmp_path / "reports")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_does_what_it_says(place, capsys):
    names = {}
    for block in BLOCKS:
        exec(block, names)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "11 reports; 8 drafts, 3 of them with a prior"
    assert [line.split(" new:")[0] for line in told[1:-1]] == [
        "A101 after prior.none",
        "A102 after A101",
        "A103 after A102",
    ]
    assert told[-1] == "study.unknown 2"


def test_a_dry_run_tells_progress_and_leaves_the_drafts_to_the_next(place):
    stages = []
    with cxrreport.open_archive("home") as archive:
        found = archive.generate(
            ["pacs"], dry_run=True, progress=lambda stage, n, total=None: stages.append((stage, n))
        )
        assert (found["due"], found["drafted"], found["exit_code"]) == (7, 0, 0) and stages == [("scan", 11)]
        assert {archive.draft(study).draft for study in archive.studies()} == {None}
        assert archive.draft(1) == archive.draft("A101")


def test_a_job_of_a_home_that_is_held_is_refused(place):
    from cxrreport.pipeline.run import open_run

    with cxrreport.open_archive("home") as archive, open_run(archive.settings), pytest.raises(LockedError):
        archive.index()


def test_misuse_is_told_in_one_sentence(place):
    with cxrreport.open_archive("home") as archive:
        with pytest.raises(UsageError, match="drafted again"):
            archive.generate("pacs", redo="foo", dry_run=True)
        with pytest.raises(UsageError, match="forms"):
            archive.index(form="foo")
    for ask in (
        lambda: archive.draft(1),
        lambda: list(archive.studies()),
        archive.index,
        lambda: archive.generate("pacs"),
    ):
        with pytest.raises(UsageError, match="closed"):
            ask()
    for config in ("none.toml", "pacs"):
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            cxrreport.open_archive("home", config=config)


def test_one_path_is_enough_and_a_thread_may_run_a_job(place):
    (place / "site.toml").write_text("workers = 0\n")
    with cxrreport.open_archive("home", config="site.toml") as archive, ThreadPoolExecutor(1) as pool:
        assert pool.submit(archive.generate, "pacs", dry_run=True).result()["due"] == 7


def test_importing_it_imports_neither_torch_nor_the_database():
    code = "import cxrreport, sys; sys.exit(bool({'torch', 'sqlalchemy', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError):
        cxrreport.nothing  # noqa: B018


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "cxrreport", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"cxrreport, version {cxrreport.__version__}"
