"""The ``auscult`` command group, and the mapping from outcomes to exit codes.

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 an anomaly was detected and ``--fail-on-anomaly`` given,
4 some inputs could not be used and the rest was processed, 5 a sensor fault was detected and
``--fail-on-anomaly`` given, 130 interrupted, 141 the reader of the output closed it. Of several, 3 precedes
5, which precedes 4. A command returns its exit code, or nothing for 0.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from auscult import __version__
from auscult.cli import text
from auscult.cli.streams import use_plain_characters
from auscult.errors import AuscultError, AuscultWarning, OptionError
from auscult.runtime.suggestions import similar_names

FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141
#: Commands of other programs, and the command that does the same here.
_OTHER_NAMES = {
    "train": "fit",
    "learn": "fit",
    "predict": "score",
    "detect": "score",
    "test": "evaluate",
    "update": "adapt",
    "show": "inspect",
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called, and lists commands without importing any.

    Args:
        subcommands: name to the module that defines it as ``command``, and its one-line summary.
    """

    def __init__(self, *args: Any, subcommands: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.subcommands = subcommands

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.subcommands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.subcommands:
            return None
        return import_module(self.subcommands[cmd_name][0]).command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.subcommands and not name.startswith("-"):
            similar = similar_names(name, self.subcommands)
            meant = _OTHER_NAMES.get(name.lower(), "")
            if meant in self.subcommands and meant not in similar:
                similar.insert(0, meant)
            question = f" Did you mean {' or '.join(similar)}?" if similar else ""
            ctx.fail(f"No such command '{name}'.{question}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.subcommands.items()])


class _Auscult(LazyGroup):
    """The group of all commands, whose ``main`` turns every outcome into an exit code."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **settings: Any
    ) -> NoReturn:
        use_plain_characters()
        try:
            code = super().main(args, prog_name or "auscult", **{**settings, "standalone_mode": False})
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except click.Abort:
            code = INTERRUPTED
        except OptionError as error:
            code = _report_error(error, USAGE)
        except (AuscultError, OSError) as error:
            code = _report_error(error, FAILED)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with warnings.catch_warnings():  # the commands print the findings of their results
                warnings.simplefilter("ignore", AuscultWarning)
                return super().invoke(ctx)
        except BrokenPipeError:  # as after `| head`; what is still buffered must not raise again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE


def _report_error(error: Exception, code: int) -> int:
    text.note(f"Error: {error}")
    return code


@click.command(
    "auscult",
    cls=_Auscult,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommands={
        "fit": ("auscult.cli.fit", "Fit a model to recordings of a normally running machine."),
        "adapt": ("auscult.cli.adapt", "Add normal recordings to a model without retraining it."),
        "score": ("auscult.cli.score", "Score recordings and decide which are anomalous."),
        "explain": ("auscult.cli.explain", "Show where in time and frequency a score comes from."),
        "embed": ("auscult.cli.embed", "Write codes or embeddings of recordings to a NumPy file."),
        "calibrate": (
            "auscult.cli.calibrate",
            "Set the alarms of continuous monitoring for a budget of false ones.",
        ),
        "monitor": ("auscult.cli.monitor", "Listen to machines continuously and raise alarms."),
        "watch": ("auscult.cli.watch", "Judge recordings as recorders drop them into a folder."),
        "status": ("auscult.cli.status", "Show the state of every machine."),
        "events": ("auscult.cli.events", "List the alarms of a monitor."),
        "trend": ("auscult.cli.trend", "Show what has slowly changed, day by day."),
        "service": ("auscult.cli.service", "Print a systemd unit that runs a monitor."),
        "export": ("auscult.cli.export", "Export a model to ONNX, to score without auscult."),
        "inspect": ("auscult.cli.inspect", "Show the contents of a model file."),
        "evaluate": ("auscult.cli.evaluate", "Measure a model on labelled recordings."),
        "simulate": ("auscult.cli.simulate", "Generate recordings of simulated machines with faults."),
        "bench": ("auscult.cli.bench", "Compare detectors on many machines in one table."),
        "table": ("auscult.cli.table", "Print the results of benchmarks as a table for a report."),
        "dcase": ("auscult.cli.dcase", "Work with the DCASE Challenge: download, submit, evaluate."),
        "detectors": ("auscult.cli.detectors", "List the detectors, or the options of one."),
        "encoders": ("auscult.cli.encoders", "List public audio encoders and how to export them."),
        "doctor": ("auscult.cli.doctor", "Check the installation and report what is missing."),
    },
)
@click.version_option(__version__, package_name="auscult")
def commands() -> None:
    """Detect anomalies in machine sound.

    Fit a model to recordings of normal operation, then score new recordings:

    \b
      auscult fit recordings/normal -o fan.auscult
      auscult score fan.auscult new/*.wav
    """


def main() -> NoReturn:
    """Run the ``auscult`` command."""
    commands.main()
