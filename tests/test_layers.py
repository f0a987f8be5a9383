"""Imports point one way (the rule of the architecture), and the light commands stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "cxrreport"
FOUNDATION = {"records", "errors", "settings", "runlog", "vocabulary"}
SIBLINGS = {"imaging", "reports", "retrieval", "model", "highlight", "store", "engine", "demo"}
# where stages may meet, and the two packages that build on several others
MEETING = {
    "pipeline", "scanning", "due", "preparing", "drafting", "composing",
    "retrieving", "importing", "indexing", "freshness", "consistency",
    "consensus", "wording", "labelling", "relabelling", "run", "training", "evaluation", "comparing", "picturing",
}  # fmt: skip
OWNERS = {
    "torch": {"model", "training", "evaluation"},
    "transformers": {"model"},
    "sqlalchemy": {"store", "migrations"},
    "alembic": {"store", "migrations"},
    "pydicom": {"imaging", "reports", "demo"},
    "imagecodecs": {"imaging", "demo", "cli"},
    "SimpleITK": {"imaging"},
    "faiss": {"retrieval"},
    "click": {"cli"},
    "rich": {"cli"},
    "pebble": {"engine"},
}


def sources():
    for folder in ("cxrreport", "cli", "migrations"):
        yield from (ROOT / folder).rglob("*.py")


def imports(path, *, runtime_only=False):
    """Absolute names of imported modules; blocks under TYPE_CHECKING are left out on request."""
    tree = ast.parse(path.read_text())
    hidden = set()
    if runtime_only:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
                hidden.update(id(child) for part in node.body for child in ast.walk(part))
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            yield ".".join(filter(None, (base, node.module)))


def layer(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] != "cxrreport" else parts[1]


@pytest.mark.parametrize("path", sorted(sources()), ids=lambda p: str(p.relative_to(ROOT)))
def test_third_party_libraries_have_one_home(path):
    for name in imports(path, runtime_only=True):
        owners = OWNERS.get(name.split(".")[0])
        assert owners is None or layer(path) in owners, f"{name} belongs to {owners}"
    if any(name.split(".")[0] == "faiss" for name in imports(path)):
        assert path == LIBRARY / "retrieval/index.py"
    if any(name.split(".")[0] == "SimpleITK" for name in imports(path)):
        assert path == LIBRARY / "imaging/align.py"
    if layer(path) == "reports" and any(name.split(".")[0] == "pydicom" for name in imports(path)):
        assert path == LIBRARY / "reports/readers/sr.py"


@pytest.mark.parametrize("path", sorted(sources()), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    own = layer(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "cxrreport" or len(parts) < 2:
            continue
        target = parts[1]
        if own in FOUNDATION:
            assert target in FOUNDATION, f"the foundation imports {name}"
        elif own in SIBLINGS:
            assert target in FOUNDATION | {own} | ({"migrations"} if own == "store" else set()), f"{own} imports {name}"
        elif own in MEETING:
            assert target in FOUNDATION | SIBLINGS | MEETING, f"{own} imports {name}"
        elif own == "migrations":
            assert target in FOUNDATION | {"store", "migrations"}, f"a migration imports {name}"


def test_files_are_short():
    """A migration is a list of columns and may be as long as the schema; everything else has one responsibility."""
    files = (p for p in sources() if layer(p) != "migrations")
    long = {str(p.relative_to(ROOT)): n for p in files if (n := len(p.read_text().splitlines())) > 350}
    assert not long


@pytest.mark.parametrize("arguments", [["--help"], ["--home", "{home}", "status"], ["--home", "{home}", "runs"]])
def test_light_commands_import_neither_torch_nor_transformers(arguments, tmp_path):
    code = (
        "import sys; from cxrreport.cli.main import call; code = call(sys.argv[1:]);"
        "heavy = {'torch', 'transformers', 'faiss', 'pydicom', 'SimpleITK'} & set(sys.modules);"
        "sys.exit(code or (99 if heavy else 0))"
    )
    filled = [argument.replace("{home}", str(tmp_path / "home")) for argument in arguments]
    done = subprocess.run([sys.executable, "-c", code, *filled], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
