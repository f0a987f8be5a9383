"""`cxrreport`: the group of commands, the log, and the table from errors to exit codes."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click
from cxrreport.cli.complaint import complain, mend_of

from cxrreport import __version__
from cxrreport.errors import CxrReportError

# command -> (module of cxrreport.cli, name there, line of help); modules are imported when the command is used
COMMANDS: dict[str, tuple[str, str, str]] = {
    "generate": ("generate", "generate", "Scan an export, pair studies with priors, draft reports, store them."),
    "index": ("index", "index", "Import signed reports and publish the retrieval index."),
    "show": ("show", "show", "Show the draft of one study, its changes and its references."),
    "drafts": ("export", "drafts", "List drafts, the most urgent first."),
    "review": ("review", "review", "Record what a reader says of a draft."),
    "export": ("export", "export", "Write drafts to files for people and systems, or send them."),
    "deliveries": ("deliveries", "deliveries", "List what was sent to other systems, and what they answered."),
    "status": ("status", "status", "What the archive holds, what has no draft, failures by code."),
    "runs": ("status", "runs", "Past runs, the newest first."),
    "failures": ("failures", "failures", "The files and studies that could not be used, the newest first."),
    "release": ("failures", "release", "Take a study out of quarantine, so that the next run tries it again."),
    "forget": ("forget", "forget", "Erase all that the archive holds of a patient."),
    "prune": ("upkeep", "prune", "Remove superseded drafts, old runs and old versions of the index."),
    "backup": ("upkeep", "backup", "Write database, index and manifests to one tar."),
    "train": ("train", "train", "Train or fine-tune the network."),
    "calibrate": ("calibrate", "calibrate", "Fit probabilities to the signed reports of the archive."),
    "trust": ("trust", "trust", "Judge drafts beside signed reports; reports and gates that follow."),
    "evaluate": ("evaluate", "evaluate", "Score drafts of a dataset beside baselines."),
    "db": ("db", "db", "Look at and migrate the database schema."),
    "doctor": ("doctor", "doctor", "Check environment, decoders, device, weights, index and database."),
    "demo": ("demo", "demo", "Build a small hospital archive and run everything on it."),
}
EXIT_CODES = """\b
Exit codes: 0 all done; 2 usage; 3 done, but some files or studies failed;
69 a needed service or device is unavailable; 70 a defect of cxrreport;
74 reading or writing failed (disk full); 75 another run holds the archive;
78 configuration, weights, index or schema do not fit;
130, 143 interrupted (run again to go on)."""


class LazyGroup(click.Group):
    """Knows its commands by name and imports a command's module only to run it or to print its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of daily use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"cxrreport.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


_CONTEXT = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.group(cls=LazyGroup, epilog=EXIT_CODES, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="cxrreport")
@click.option("--home", type=click.Path(path_type=Path), help="Directory of all state. [env: CXRREPORT_HOME]")
@click.option("--db", metavar="URL", help="PostgreSQL instead of the SQLite of the home. [env: CXRREPORT_DB]")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="What the log on stderr shows."
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="Lines of key=value, or one JSON object a line."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress, and of the log errors alone.")
@click.pass_context
def cli(ctx: click.Context, /, config: Path | None, quiet: bool, **flags: Any) -> None:
    """Drafts of chest radiograph reports with the differences since the prior, from a PACS export to a database.

    Nothing that cxrreport writes is ever a final report. For research use only, not for diagnosis.
    """
    from cxrreport.cli.options import GIVEN, QUIET, settings_with

    flags["log_level"] = "error" if quiet else flags["log_level"]
    ctx.meta[GIVEN] = {"config": config, **flags}
    ctx.meta[QUIET] = quiet
    ctx.obj = settings_with(ctx)
    from cxrreport.log import configure

    configure(ctx.obj.log_level, ctx.obj.log_format)


def run() -> None:
    """Entry point: run a command and end with its exit code."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """Run a command line in this process; returns the exit code. Errors become one sentence on stderr."""
    try:
        result = cli.main(args=arguments, prog_name="cxrreport", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return _print_error(arguments, "usage", error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except CxrReportError as error:
        return _complain(arguments, error.code, error.message, error.exit_code)
    except OSError as error:  # its own text may hold a path
        reason = f": {os.strerror(error.errno)}" if error.errno else ""
        return _complain(arguments, "io", f"Reading or writing failed{reason}.", 74)
    except Exception as error:
        from cxrreport.log import stack_of

        return _complain(arguments, "internal", f"A defect of cxrreport: {stack_of(error)}.", 70)


def _complain(arguments: list[str], code: str, message: str, exit_code: int) -> int:
    complain(code, message)
    return _print_error(arguments, code, message, exit_code)


def _print_error(arguments: list[str], code: str, message: str, exit_code: int) -> int:
    """The error document of --json."""
    if "--json" in arguments:
        error = {"code": code, "message": message, "mend": mend_of(code)}
        click.echo(json.dumps({"error": error, "exit_code": exit_code}))
    return exit_code
