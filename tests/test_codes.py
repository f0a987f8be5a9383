"""Every code that the source uses stands in the table, and every one of the table is used."""

import ast
import re

import pytest
from builders.codes_reference import EXITS
from builders.data import ROOT

from cxrreport.codes import CODES, Flag, PriorReason, describe
from cxrreport.errors import CxrReportError, InputError, WeightsError

TREES = [
    ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("cxrreport", "cli")
    for path in (ROOT / folder).rglob("*.py")
    if path.parent.name != "codes"
]
NODES = [node for tree in TREES for node in ast.walk(tree)]
FAMILIES = "|".join({code.partition(".")[0] for code in CODES if "." in code})
DOTTED = re.compile(rf"({FAMILIES}|prior)\.(?!json$|safetensors$|id$|faiss$|npy$|pt$|html$|css$|js$)[a-z_0-9]+")


def _constants(nodes):
    return {node.value for root in nodes for node in ast.walk(root) if _is_text(node)}


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _name(function):
    return getattr(function, "id", getattr(function, "attr", ""))


def _in_place_of_a_code():
    """Strings where a code must stand: an error's second argument, what is counted, and what `screen` and the walk return."""
    for node in NODES:
        if isinstance(node, ast.Call):
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            name = _name(node.func)
            if name.endswith("Error"):
                given += node.args[1:2]
            elif name in ("Failure", "Skipped", "skip", "fail", "on_skip"):
                given += node.args[:1]
            elif name in ("LeftOut", "_skip", "_fail"):
                given += node.args[1:]
            yield from (one.value for one in given if _is_text(one))
        elif isinstance(node, ast.Subscript) and _name(node.value) in ("skipped", "failed") and _is_text(node.slice):
            yield node.slice.value
        elif isinstance(node, ast.FunctionDef) and node.name == "_kind_to_skip":
            yield from _constants(one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value)
        elif isinstance(node, ast.FunctionDef) and node.name == "screen":
            yield from _constants(key for one in ast.walk(node) if isinstance(one, ast.Dict) for key in one.keys)


def _logged():
    return _constants(n for n in NODES if isinstance(n, ast.Call) and _name(n.func) in ("info", "warning", "error"))


def test_every_code_in_use_stands_in_the_table():
    files = (".html", ".js", ".css")  # of the pages
    dotted = {text for text in _constants(TREES) if DOTTED.fullmatch(text) and not text.endswith(files)} - _logged()
    found = set(_in_place_of_a_code()) | dotted
    assert len(found) > 80
    assert found - set(CODES) - set(PriorReason) == set()


def test_every_code_of_the_table_is_in_use():
    classes = {"internal", *(kind.code for kind in _errors(CxrReportError))}
    prose = {
        ast.get_docstring(n, clean=False) for n in NODES if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)
    }
    said = _constants(TREES) - _logged() - prose
    words = {word for text in said if text == text.lower() and "." not in text[-1:] for word in text.split()}
    assert set(CODES) - words - classes == set()


def _errors(kind):
    return {kind}.union(*(_errors(one) for one in kind.__subclasses__()))


@pytest.mark.parametrize("kind", [Flag, PriorReason])
def test_flags_and_reasons_are_used_by_their_names(kind):
    used = {n.attr for n in NODES if isinstance(n, ast.Attribute) and _name(n.value) == kind.__name__}
    assert {member.name for member in kind} == used
    assert not {member.value for member in kind} & _constants(TREES)
    assert all(describe(kind, member.value) == member.sentence for member in kind)
    assert describe(kind, "of another version") == ""


def test_an_error_ends_a_command_as_the_table_says():
    assert CxrReportError("x").exit_code == 70
    assert InputError("x").exit_code == InputError("x", "made up").exit_code == 3
    assert WeightsError("x", "weights.sha256").exit_code == 78
    assert {code.exit_code for code in CODES.values()} == set(EXITS)
