"""`cxrreport index`."""

from __future__ import annotations

from pathlib import Path

import click
from cxrreport.cli.options import print_result, progress, settings_with


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["auto", "text", "table", "hl7", "sr", "fhir", "openi"]), default="auto", show_default=True, help="Kind of the report files; auto goes by the content of each.")  # fmt: skip  # noqa: E501
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Column of a table that holds one of our fields: accession, study_uid, patient_id, issuer, reported_at, findings, impression, comparison, text.")  # fmt: skip  # noqa: E501
@click.option("--preliminary", is_flag=True, default=None, help="Import reports that nobody has signed yet, too.")
@click.option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:i.")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights directory.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def index(
    ctx: click.Context,
    paths: tuple[Path, ...],
    form: str,
    columns: tuple[str, ...],
    preliminary: bool | None,
    device: str | None,
    weights: Path | None,
    as_json: bool,
) -> int:
    """Import signed reports from PATHS and publish the index.

    PATHS are files and folders of plain text (named by accession number or study UID), CSV, TSV, JSON Lines, HL7 v2 ORU
    messages, DICOM SR, FHIR DiagnosticReports and Open-i XML, in any mixture. Reports of other modalities or parts of
    the body are skipped.

    Without PATHS the index is rebuilt from the reports that the database already holds.
    """
    from cxrreport import pipeline

    settings = settings_with(ctx, device=device, weights=weights, columns=_mapping(columns), preliminary=preliminary)
    with progress() as tell:
        counts, exit_code = pipeline.index(settings, paths, form, tell)
    print_result(counts, as_json)
    return exit_code


def _mapping(columns: tuple[str, ...]) -> dict[str, str] | None:
    pairs = [column.partition("=") for column in columns]
    if any(not equals or not name for _, equals, name in pairs):
        raise click.UsageError("--column takes FIELD=NAME.")
    return {field: name for field, _, name in pairs} or None
