"""The pages say what the code does: generated ones equal it, every link leads somewhere, every page is found."""

import re

import click
import pytest
from builders import (
    cli_reference,
    codes_reference,
    dicom_reference,
    fhir_reference,
    hl7_reference,
    settings_reference,
    tables_reference,
)
from builders.data import ROOT
from cxrreport.cli.main import COMMANDS
from cxrreport.cli.trust import trust

from cxrreport.settings import Settings, load_settings
from cxrreport.store.schema import Base

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
}
GENERATED = {
    "docs/cli.md": cli_reference,
    "docs/codes.md": codes_reference,
    "docs/dicom-conformance.md": dicom_reference,
    "docs/fhir.md": fhir_reference,
    "docs/hl7.md": hl7_reference,
    "docs/settings.md": settings_reference,
    "docs/tables.md": tables_reference,
}
HELP = {context.command_path: context.command for context in cli_reference.contexts()}
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("cxrreport", "cli", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
}
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r"`((?:cxrreport|cli|tests|migrations|weights|docs|benchmarks)/[\w/.-]*)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_REFERENCE = re.compile(r"(docs/\w+\.md), ([A-Z][^.,;:()\n]*?)(?=[.,;:()\n]| says| tells)")


def links(page):
    """Relative links of a page, each as (file, anchor); code holds none."""
    targets = _LINK.findall(_CODE.sub("", PAGES[page]))
    return [target.partition("#")[::2] for target in targets if not target.startswith(("http", "mailto:"))]


def anchors(page):
    """What a heading is called in a link."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", PAGES[page]), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", GENERATED)
def test_a_generated_page_equals_the_code(page):
    assert PAGES[page] == GENERATED[page].reference(), "make docs"


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for file, anchor in links(page):
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), file
        name = target.resolve().relative_to(ROOT).as_posix()
        assert not anchor or anchor in anchors(name), f"{file}#{anchor}"


def test_every_path_of_the_repository_that_a_page_names_exists():
    named = {(page, path) for page, text in PAGES.items() for path in _PATH.findall(text)}
    assert named and not [(page, path) for page, path in sorted(named) if not (ROOT / path).exists()]


def test_every_heading_that_the_source_refers_to_is_there():
    named = [(path, *found) for path, text in SOURCES.items() for found in _REFERENCE.findall(text)]
    assert len(named) > 10
    assert [(path, page, title) for path, page, title in named if f"# {title}\n" not in PAGES[page]] == []


def test_the_source_numbers_no_section_of_a_page_that_is_not_in_the_repository():
    assert SOURCES and [path for path, text in SOURCES.items() if "\N{SECTION SIGN}" in text] == []


def test_every_option_of_a_command_that_a_page_names_exists():
    known = {path: {"--help", *(name for one in command.params for name in one.opts)} for path, command in HELP.items()}
    unknown, lines = [], 0
    for page, text in PAGES.items():
        for line in re.findall(r"cxrreport \w+[^`\n]*", text):
            path = max((one for one in known if f"{line} ".startswith(f"{one} ")), key=len, default="")
            lines += path in known
            options = set(re.findall(r"(?<!\S)--[a-z][a-z-]+", line))
            unknown += [(page, path, option) for option in options - known.get(path, options)]
    assert lines and not unknown


def test_every_page_is_linked_from_the_readme():
    linked = {file for file, _ in links("README.md")}
    assert {"docs/cli.md", "MODEL_CARD.md"} <= set(PAGES) - {"README.md"} <= linked


def test_every_table_of_the_database_is_on_its_page():
    tables = set(re.findall(r"^\| `(\w+)` \|", PAGES["docs/database.md"], re.MULTILINE))
    assert tables == set(Base.metadata.tables)


@pytest.mark.parametrize("path", HELP)
def test_every_command_and_option_has_its_help_on_the_page(path):
    command = HELP[path]
    section = PAGES["docs/cli.md"].split(f"# {path}\n", 1)[1].split("```")[1]
    assert (command.help or "").strip()
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert any(name in section for name in parameter.opts), parameter.name
            assert parameter.help and parameter.help.endswith((".", "]")), parameter.name


def test_every_module_of_commands_is_in_the_list():
    files = {path.stem for path in (ROOT / "cli").glob("*.py")} - {
        "__init__",
        "main",
        "options",
        "complaint",
        "film_tables",
        *(f"trust_{name}" for name in trust.commands),
    }
    assert files == {module for module, _, _ in COMMANDS.values()}


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_every_exit_code_is_in_the_tables(page):
    table = re.search(r"code \| meaning \|\n\|---\|---\|\n(.+?)\n\n", PAGES[page], re.DOTALL).group(1)
    codes = {int(number) for row in table.splitlines() for number in row.split("|")[1].split(",")}
    assert codes == {130, 143, *codes_reference.EXITS}


def test_the_variables_of_the_settings_are_heeded(monkeypatch):
    variables = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGES["docs/settings.md"], re.MULTILINE))
    assert set(variables) == set(Settings.model_fields)
    monkeypatch.setenv(variables["beams"], "7")
    monkeypatch.setenv(variables["log_level"], "error")
    assert (load_settings().beams, load_settings().log_level) == (7, "error")
