"""`cxrreport show`: one draft in the terminal, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.status import escaped, print_table

from cxrreport import DISCLAIMER
from cxrreport.files import printable

if TYPE_CHECKING:
    from rich.text import Text

    from cxrreport.export.study import StudyView
    from cxrreport.settings import Settings
    from cxrreport.store.views import DraftFacts, RetrievedReport, StudyFacts

_STYLES = {"change": "bold yellow", "evidence": "cyan", "flag": "bold red"}
_SENTENCES = {
    "added": ("+", "green"),
    "dropped": ("-", "red strike"),
    "severity": ("~", "yellow"),
    "kept": (" ", "dim"),
}


@click.command()
@click.argument("study")
@click.option(
    "--references",
    type=click.IntRange(min=0),
    default=3,
    help="Retrieved reports to show; those that say the same count as one.",
)
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="OUT.png",
    help="Draw the film, the registered prior and their difference with boxes to this PNG, too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def show(settings: Settings, study: str, references: int, image: Path | None, as_json: bool) -> int:
    """Show the draft of STUDY: a StudyInstanceUID, an accession number or a database id."""
    from cxrreport.export.study import view_study

    view = view_study(settings, study)
    if image:
        from cxrreport.export.picture import draw_study

        draw_study(view, image, settings.max_pixels)
    if as_json:
        click.echo(json.dumps(view.document(), default=str))
    else:
        _print_view(view, references)
    if image:
        click.echo(f"Picture written to {printable(image)}.", err=True)
    return 0


def _print_view(view: StudyView, references: int) -> None:
    from cxrreport.codes import PriorReason, describe

    click.secho(DISCLAIMER, bold=True)
    held = view.held
    click.echo(f"Study  {_name(held.study)}")
    if held.study.indication:
        click.echo(f"Indication  {printable(held.study.indication)}")
    if held.failure:
        click.secho(f"Failed {held.failure.code}: {printable(held.failure.message)}", fg="red")
    if held.draft is None:
        click.echo("There is no draft of this study.")
        return
    reason = describe(PriorReason, held.draft.prior_reason) or printable(held.draft.prior_reason)
    click.echo(f"Prior  {_name(held.prior)}" if held.prior else f"Prior  none: {reason}")
    _print_text(held.draft)
    _print_sentences(view)
    _print_findings(held.draft)
    _print_regions(held.draft)
    _print_references(view, references)
    _print_provenance(held.draft)


def _name(study: StudyFacts) -> str:
    moment = "undated"
    if study.studied_at:
        moment = f"{study.studied_at:%Y-%m-%d %H:%M}" if study.time_known else f"{study.studied_at:%Y-%m-%d}"
    return f"{printable(study.accession) or 'no accession'}, {moment} (id {study.study_id})"


def _print_text(draft: DraftFacts) -> None:
    from rich.console import Console

    from cxrreport.codes import Flag, describe

    console = Console(highlight=False)
    for section in ("comparison", "findings", "impression"):
        text: str = getattr(draft, section)
        if text:
            console.print(f"\n[bold]{section.upper()}[/bold]")
            console.print(_marked(draft, section, text))
    if draft.flags:
        flags = (f"{flag} ({said})" if (said := describe(Flag, flag)) else flag for flag in draft.flags)
        console.print(f"\n[bold red]flags[/bold red] {', '.join(map(escaped, flags))}")


def _marked(draft: DraftFacts, section: str, text: str) -> Text:
    """The text with its spans in colour."""
    from rich.text import Text

    marked = Text("".join(sign if sign.isprintable() else " " for sign in text))
    for span in draft.spans:
        if span.section == section:
            marked.stylize(_STYLES[span.kind], span.start_char, span.end_char)
    return marked


def _print_sentences(view: StudyView) -> None:
    """Sentences of the findings against those of the prior: + added, ~ of another severity, - no longer said."""
    from rich.console import Console

    report = view.held.prior_report
    if not view.sentences or report is None:
        return
    against = "signed report" if report.source == "report" else "draft (it has no signed report)"
    console = Console(highlight=False)
    console.print(f"\n[bold]AGAINST THE PRIOR'S {against.upper()}[/bold]")
    for sentence in view.sentences:
        sign, style = _SENTENCES[sentence.kind]
        severity = f" [{sentence.before} -> {sentence.after}]" if sentence.kind == "severity" else ""
        console.print(f"{sign} [{style}]{escaped(' '.join(sentence.text.split()))}[/{style}]{escaped(severity)}")


def _print_findings(draft: DraftFacts) -> None:
    rows = []
    for row in draft.finding_rows:
        change = None if row.change == "absent" else row.change
        judged = (
            (row.state, row.probability),
            (row.prior_state, row.prior_probability),
            (change, row.change_probability),
        )
        rows.append([row.finding, *(_judgement(*one) for one in judged)])
    click.echo("")
    print_table("Findings", ["finding", "now", "prior", "change"], rows)


def _judgement(word: str | None, probability: float | None) -> str:
    """A word and how sure it is ("new 0.62"); "" where nothing is said."""
    return " ".join([word or "", f"{probability:.2f}" if word and probability is not None else ""]).strip()


def _print_regions(draft: DraftFacts) -> None:
    """Boxes in pixels of the current image."""
    rows = [[r.finding or "", r.kind, f"{r.x},{r.y} {r.w}x{r.h}", f"{r.score:.2f}"] for r in draft.regions]
    if rows:
        print_table("Regions of the current film", ["finding", "kind", "box (x,y wxh)", "score"], rows)


def _print_references(view: StudyView, count: int) -> None:
    rows = [_reference_row(alike) for alike in view.references[:count]]
    if rows:
        total, different = sum(map(len, view.references)), len(view.references)
        found = f"{total} retrieved" + (f", {different} different" if different < total else "")
        print_table(f"Similar reports of the archive ({found})", ["rank", "times", "score", "weight", "text"], rows)


def _reference_row(alike: Sequence[RetrievedReport]) -> list[Any]:
    """The first of those that say the same, how many they are, and their weights together."""
    first, times = alike[0], f"×{len(alike)}" if len(alike) > 1 else ""
    text = f"{first.findings} {first.impression}".strip()
    return [first.rank, times, f"{first.score:.2f}", f"{sum(r.weight for r in alike):.2f}", text]


def _print_provenance(draft: DraftFacts) -> None:
    made = draft.provenance
    click.echo(
        f"draft {draft.draft_id} ({draft.status}), run {draft.run_id}, {draft.created_at:%Y-%m-%d %H:%M} UTC, "
        f"weights {made.weights_sha256[:12]}, index {made.index_version or 'none'}, "
        f"preprocessing {made.preprocess_version}"
    )
