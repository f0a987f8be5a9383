"""`cxrreport generate`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from cxrreport.cli.options import print_result, progress, settings_with

from cxrreport import DISCLAIMER
from cxrreport.pipeline.selection import REDO, Selection
from cxrreport.retrieval.fusion import RETRIEVERS


class _Day(click.DateTime):
    """A date."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Drop the time of the day."""
        return super().convert(value, param, ctx).date()


_DATE = _Day(["%Y-%m-%d", "%Y%m%d"])


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Catalogue the export and count what would be drafted; no network.")
@click.option("--since", type=_DATE, help="First study date to draft, inclusive.")
@click.option("--until", type=_DATE, help="Last study date to draft, inclusive.")
@click.option("--patient", metavar="ID", help="Only studies of the patient with this number.")
@click.option("--study", metavar="STUDY", help="Only the study with this StudyInstanceUID, accession number or id.")
@click.option(
    "--limit", type=click.IntRange(min=1), help="Draft at most this many studies; `left` counts those due beyond."
)
@click.option(
    "--redo",
    is_flag=False,
    flag_value="all",
    type=click.Choice(REDO),
    help="Also studies drafted with other weights, another index, or all; alone it means all.",
)
@click.option(
    "--allow-out-of-scope",
    is_flag=True,
    help="Draft studies of patients under 18 too, flagged; without it such drafts are withdrawn.",
)
@click.option("--without-retrieval", is_flag=True, help="Draft without the retrieval index; recorded in the drafts.")
@click.option(
    "--retriever",
    type=click.Choice(RETRIEVERS),
    help="How similar reports are found: by text, by the films of their studies, by both, or by films in hyperbolic space.",
)
@click.option(
    "--undated-reports",
    is_flag=True,
    default=None,
    help="Retrieve reports without a date and study too, although they may be the patient's own or later.",
)
@click.option(
    "--expect-files",
    is_flag=True,
    default=None,
    help="End with 74 where one of PATHS holds no file: its mount is gone.",
)
@click.option(
    "--max-minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Begin no batch after this many minutes, and end with 0; `left` and `scan_cut` tell what the next run has to do.",
)
@click.option(
    "--metrics", type=click.Path(path_type=Path, dir_okay=False), help="Write a textfile for Prometheus at the end."
)
@click.option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:i; cuda:0,cuda:1 drafts on both.")
@click.option(
    "--drafters",
    type=click.IntRange(1, 256),
    help="Processes that draft side by side; by default one a core or GPU, as far as memory and studies go.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="Weights directory.")
@click.option("--batch-size", type=click.IntRange(1, 512), help="Studies drafted and stored together.")
@click.option("--beams", type=click.IntRange(1, 16), help="Width of the beam search; 1 is greedy.")
@click.option(
    "--workers", type=click.IntRange(0, 128), help="Child processes that decode films; 0 decodes in this process."
)
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), help="Draft on this machine, or on those of a Ray cluster."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def generate(
    ctx: click.Context, /, paths: tuple[Path, ...], dry_run: bool, without_retrieval: bool, as_json: bool, **flags: Any
) -> int:
    """Scan PATHS, pair every new study with its prior, draft reports and store them.

    PATHS may be left out with --study: then nothing is scanned. Running twice does the work once; a run that was
    killed is completed by the next.
    """
    selection = Selection(**{one.name: flags.pop(one.name) for one in fields(Selection)})
    settings = settings_with(ctx, **flags)
    click.echo(DISCLAIMER, err=True)
    if settings.shadow:
        click.echo("In shadow: no reader sees the drafts of this run.", err=True)
    with progress() as tell:
        if dry_run:
            from cxrreport.pipeline.preview import preview as job
        else:
            from cxrreport.pipeline.generate import generate as job
        counts, exit_code = job(settings, paths, selection, without_retrieval, tell)
    print_result(counts, as_json)
    return exit_code
