"""`cxrreport show`: one draft in the terminal, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cxrreport.cli.status import escaped, print_table

from cxrreport import DISCLAIMER
from cxrreport.drafts import PRIORITIES
from cxrreport.files import printable
from cxrreport.findings import State

if TYPE_CHECKING:
    from rich.text import Text

    from cxrreport.export.study import StudyView
    from cxrreport.export.words import FindingView
    from cxrreport.records import Image
    from cxrreport.settings import Settings
    from cxrreport.store.views import DraftFacts, PatientFacts, RetrievedReport, StudyFacts

_STYLES = {"change": "bold yellow", "evidence": "cyan", "flag": "bold red"}
_SENTENCES = {
    "added": ("+", "green"),
    "dropped": ("-", "red strike"),
    "severity": ("~", "yellow"),
    "kept": (" ", "dim"),
    "withheld": ("?", "dim"),
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
    """Show the draft of STUDY: a StudyInstanceUID, an accession number or a database id.

    Where there is none it says why, and ends with 3.
    """
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
    return 3 if view.no_draft else 0


def _print_view(view: StudyView, references: int) -> None:
    click.secho(DISCLAIMER, bold=True)
    held = view.held
    if held.draft and held.draft.priority:
        soon = held.draft.priority in PRIORITIES[:2]
        said = f"{held.draft.priority.capitalize()}: {printable(held.draft.priority_reason)}"
        click.secho(said, fg="red" if soon else None, bold=soon)
    for name, value in _facts(view):
        click.echo(f"{name:<11} {printable(value)}")
    if view.no_draft:
        _print_why(*view.no_draft)
    if held.draft is None or held.draft.abstained:
        return
    _print_text(view, held.draft)
    _print_sentences(view)
    _print_findings(view)
    _print_regions(held.draft)
    _print_references(view, references)
    _print_provenance(held.draft)


def _facts(view: StudyView) -> Iterator[tuple[str, str]]:
    """Whose study it is, which one, what it is compared with, and what has become of the draft."""
    held, films = view.held, view.films
    yield "Patient", _patient(held.patient, held.study)
    yield "Study", ", ".join(filter(None, (_name(held.study), _view_of(films.current), held.study.description)))
    if held.study.indication:
        yield "Indication", held.study.indication
    if held.draft:
        named = ", ".join(filter(None, (_name(held.prior), _view_of(films.prior)))) if held.prior else ""
        yield "Prior", named or f"none: {view.no_prior}"
        if review := held.draft.review:
            comment = f": {review.comment}" if review.comment else ""
            yield "Review", f"{review.status} by {review.reviewer}, {review.at:%Y-%m-%d %H:%M} UTC{comment}"
    for sent in view.deliveries or ():
        state = "delivered" if sent.delivered else "not delivered"
        yield "Sent", f"{sent.object} to {sent.target}, {sent.sent_at:%Y-%m-%d %H:%M} UTC, {state}: {sent.answer}"
    if held.draft and held.failure:
        yield "No newer one", f"{held.failure.message} [{held.failure.code}]"


def _patient(patient: PatientFacts, study: StudyFacts) -> str:
    """Number, issuer, sex and age."""
    number = patient.number or "no number"
    issued = f"{number} of {patient.issuer}" if patient.issuer else number
    return ", ".join(filter(None, (issued, patient.sex, study.age)))


def _name(study: StudyFacts) -> str:
    return f"{study.accession or 'no accession'}, {study.moment or 'undated'} (id {study.study_id})"


def _view_of(image: Image | None) -> str:
    return str(image.view or "").upper() if image else ""


def _print_why(code: str, sentence: str) -> None:
    from cxrreport.codes import CODES, Abstained

    said = sentence if code in list(Abstained) else f"There is no draft of this study to see: {sentence}"
    click.secho(f"{printable(said)} [{code}]", fg="red")
    if code in CODES:
        click.echo(f"  {CODES[code].mend}")


def _print_text(view: StudyView, draft: DraftFacts) -> None:
    from rich.console import Console

    from cxrreport.codes import Flag, describe

    console = Console(highlight=False)
    for section in ("comparison", "findings", "impression"):
        text: str = getattr(draft, section)
        if text:
            console.print(f"\n[bold]{section.upper()}[/bold]")
            console.print(_marked(draft, section, text))
    if view.not_assessed:
        console.print(f"\n[bold]{view.not_assessed}[/bold]")
    if draft.review and draft.review.text:
        console.print("\n[bold]WHAT THE READER WROTE[/bold]")
        console.print(_harmless(draft.review.text))
    if draft.flags:
        flags = (f"{flag} ({said})" if (said := describe(Flag, flag)) else flag for flag in draft.flags)
        console.print(f"\n[bold red]flags[/bold red] {', '.join(map(escaped, flags))}")


def _marked(draft: DraftFacts, section: str, text: str) -> Text:
    """The text with its spans in colour."""
    marked = _harmless(text)
    for span in draft.spans:
        if span.section == section:
            marked.stylize(_STYLES[span.kind], span.start_char, span.end_char)
    return marked


def _harmless(text: str) -> Text:
    from rich.text import Text

    return Text("".join(sign if sign.isprintable() else " " for sign in text))


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


def _print_findings(view: StudyView) -> None:
    """What is or was there as a table, the rest in a line a word; with how likely it is that each is there."""
    from cxrreport.export.words import OF_THE_PRIOR, likely

    told = [one for one in view.findings if one.change or State.POSITIVE in (one.row.state, one.row.prior_state)]
    click.echo("")
    if told:
        print_table(
            "Findings (how likely it is that each is there)", ["finding", "now", "prior", "change"], map(_row, told)
        )
        if any(one.before for one in told):
            click.echo(OF_THE_PRIOR)
    for word in dict.fromkeys(one.now for one in view.findings if one not in told):
        of_it = [likely(one.name, one.row.probability) for one in view.findings if one not in told and one.now == word]
        click.echo(f"{word.capitalize()}: {', '.join(of_it)}")


def _row(finding: FindingView) -> list[str]:
    from cxrreport.export.words import likely

    row = finding.row
    return [
        finding.name,
        likely(finding.now, row.probability),
        likely(finding.before, row.prior_probability),
        likely(finding.change, row.change_probability),
    ]


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
        columns = ["rank", "times", "report", "date", "score", "weight", "text"]
        print_table(f"Similar reports of the archive ({found})", columns, rows)


def _reference_row(alike: Sequence[RetrievedReport]) -> list[Any]:
    """The first of those that say the same, how many they are, and their weights together."""
    first, times = alike[0], f"×{len(alike)}" if len(alike) > 1 else ""
    named = first.accession or f"id {first.report_id}"
    date = f"{first.reported_at:%Y-%m-%d}" if first.reported_at else "undated"
    text = f"{first.findings} {first.impression}".strip()
    return [first.rank, times, named, date, f"{first.score:.2f}", f"{sum(r.weight for r in alike):.2f}", text]


def _print_provenance(draft: DraftFacts) -> None:
    made = draft.provenance
    click.echo(
        f"draft {draft.draft_id} ({draft.status}), run {draft.run_id}, {draft.created_at:%Y-%m-%d %H:%M} UTC, "
        f"weights {made.weights_sha256[:12]}, index {made.index_version or 'none'}, "
        f"preprocessing {made.preprocess_version}"
    )
