"""Imports point one way (the rule of the architecture), and the light commands stay light."""

import ast
import functools
import json
import subprocess
import sys

from builders.data import ROOT

LIBRARY = ROOT / "cxrreport"
FOUNDATION = {
    "addenda",
    "clock",
    "codes",
    "dicom",
    "drafts",
    "errors",
    "files",
    "findings",
    "indications",
    "log",
    "mistakes",
    "records",
    "settings",
}
# The one order of imports: a folder may import from the rows above its own; what else it may see stands beside it.
LAYERS: tuple[dict[str, set[str]], ...] = (
    {name: FOUNDATION for name in FOUNDATION},
    {
        "imaging": set(),
        "reports": set(),
        "retrieval": set(),
        "model": set(),
        "store": {"migrations"},
        "phantoms": set(),
    },
    {"drafting": set(), "datasets": {"engine"}, "engine": set()},
    {
        "pipeline": {"trust"},
        "export": set(),
        "trust": {"evaluation"},
        "training": {"evaluation"},
        "evaluation": set(),
        "demo": {"pipeline", "trust"},
    },
    {"cli": set(), "migrations": set()},
)
OWNERS = {
    "torch": {"model", "datasets", "training", "evaluation"},
    "transformers": {"model"},
    "sqlalchemy": {"store", "migrations"},
    "alembic": {"store", "migrations"},
    "pypdf": {"reports"},
    "pydicom": {"dicom", "imaging", "reports", "demo", "export"},
    "highdicom": {"export"},
    "pynetdicom": {"export"},
    "dicomweb_client": {"export"},
    "jinja2": {"export"},
    "pyarrow": {"export"},
    "fhir": {"export"},
    "hl7": {"export"},
    "imagecodecs": {"imaging", "demo", "cli"},
    "SimpleITK": {"imaging"},
    "faiss": {"retrieval"},
    "click": {"cli"},
    "rich": {"cli"},
    "pebble": {"engine"},
    "ray": {"engine"},
}


def sources():
    for folder in ("cxrreport", "cli", "migrations"):
        yield from (ROOT / folder).rglob("*.py")


@functools.cache
def imports(path, *, runtime_only=False):
    """Absolute names of imported modules; blocks under TYPE_CHECKING are left out on request."""
    return tuple(_imports(path, runtime_only))


def _imports(path, runtime_only):
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
            name = ".".join(filter(None, (base, node.module)))
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)  # a module, or what one holds


def layer(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] != "cxrreport" else parts[1]


def name_of(path):
    """Dotted name of a file, as others import it."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "cxrreport" else ("cxrreport", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def allowed(own):
    """The folders that one may import from."""
    seen = set()
    for row in LAYERS:
        if own in row:
            return seen | {own} | row[own]
        seen |= set(row)
    raise AssertionError(f"{own} has no place in the order")


def test_third_party_libraries_have_one_home():
    offenders = []
    for path in sources():
        own, named = layer(path), {name.split(".")[0] for name in imports(path, runtime_only=True)}
        offenders += [f"{name_of(path)} -> {name}" for name in named if own not in OWNERS.get(name, {own})]
        always = {name.split(".")[0] for name in imports(path)}
        homes = {
            "faiss": ["retrieval.segment", "retrieval.approximate"],
            "SimpleITK": ["imaging.align"],
            "ray": ["engine.ray"],
        }
        if own == "reports":
            homes["pydicom"] = ["reports.readers.sr"]
        offenders += [
            f"{name_of(path)} -> {name}"
            for name, home in homes.items()
            if name in always and name_of(path).removeprefix("cxrreport.") not in home
        ]
    assert offenders == []


def test_imports_point_one_way():
    names = {name_of(path) for path in sources()} - {"cxrreport"}
    offenders = []
    for path in sources():
        if path.parent == LIBRARY and path.name.startswith("__"):
            continue  # the face of the package opens what it names only when asked
        own = layer(path)
        targets = (name for name in imports(path) if name in names)
        offenders += [f"{name_of(path)} -> {name}" for name in targets if name.split(".")[1] not in allowed(own)]
    assert offenders == []


def test_no_circle_inside_a_folder():
    names = {name_of(path) for path in sources()}
    arrows = {}
    for path in sources():
        named = {name for name in imports(path) if name in names}
        # who imports a module of a folder imports no name of the folder's face
        arrows[name_of(path)] = named - {name.rpartition(".")[0] for name in named} - {name_of(path)}
    offenders, done = [], set()

    def walk(name, way):
        if name in way:
            offenders.append(" -> ".join([*way[way.index(name) :], name]))
        elif name not in done:
            for target in sorted(arrows.get(name, ())):
                walk(target, [*way, name])
            done.add(name)

    for name in sorted(names):
        walk(name, [])
    assert offenders == []


def test_files_are_short():
    """A migration is a list of columns and may be as long as the schema; everything else has one responsibility."""
    files = (p for p in sources() if layer(p) != "migrations")
    long = {str(p.relative_to(ROOT)): n for p in files if (n := len(p.read_text().splitlines())) > 350}
    assert not long


LIGHT = {
    **dict.fromkeys(("--help", "generate --help", "status", "runs", "show A101", "index --list"), 0),
    "index --rollback": 78,  # there is no other version
}
HEAVY = {"torch", "transformers", "pydicom", "SimpleITK", "faiss", "imagecodecs", "pebble", "ray"}


def test_light_commands_import_neither_torch_nor_transformers(drafted):
    """Nor what reads images; FAISS is loaded only to verify an index. One process runs them one after another."""
    script = (
        "import json, sys; from cxrreport.cli.main import call\n"
        "found = [(call([*sys.argv[2:], *line.split()]), sorted(sys.modules)) for line in json.loads(sys.argv[1])]\n"
        "print(json.dumps(found))"
    )
    lines = [*LIGHT, "index --verify"]
    command = [sys.executable, "-c", script, json.dumps(lines), "--home", str(drafted.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {
        line: (code, HEAVY & set(modules))
        for line, (code, modules) in zip(lines, json.loads(done.stdout.splitlines()[-1]))
    }
    assert found == {**{line: (code, set()) for line, code in LIGHT.items()}, "index --verify": (0, {"faiss"})}
