"""The verbs, and what becomes of their outcomes: exit codes instead of tracebacks.

Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 an anomaly found under ``--fail-on-anomaly``, 4 some inputs
could not be used and the rest was done, 130 interrupted, 141 the reader of the output went away. A verb
returns its code, or nothing for 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from auscult import __version__
from auscult.errors import AuscultError, OptionError

FAILED, USAGE, INTERRUPTED, READER_GONE = 1, 2, 130, 141


class LazyGroup(click.Group):
    """A group that imports a verb when it is called, and lists verbs without importing any.

    Args:
        verbs: name to the module that has it as ``command``, and one line about it.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.verbs:
            return None
        return import_module(self.verbs[cmd_name][0]).command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.verbs.items()])


class _Auscult(LazyGroup):
    """The group of all verbs, whose ``main`` turns every outcome into an exit code."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **settings: Any
    ) -> NoReturn:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a file name may hold what the terminal cannot show
                stream.reconfigure(errors="backslashreplace")
        try:
            code = super().main(args, prog_name or "auscult", **{**settings, "standalone_mode": False})
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except click.Abort:
            code = INTERRUPTED
        except OptionError as error:
            code = _complain(error, USAGE)
        except (AuscultError, OSError) as error:
            code = _complain(error, FAILED)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # as after `| head`; what is still buffered must not complain at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return READER_GONE


def _complain(error: Exception, code: int) -> int:
    click.echo(f"Error: {error}", err=True)
    return code


@click.command(
    "auscult",
    cls=_Auscult,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    verbs={
        "fit": ("auscult.cli.fit", "Learn a machine's normal sound from recordings of normal running."),
        "adapt": (
            "auscult.cli.adapt",
            "Add recordings of normal running to a model without training anew.",
        ),
        "select": ("auscult.cli.select", "Rank detectors for a machine, from normal recordings alone."),
        "score": ("auscult.cli.score", "Judge recordings: a score and a verdict for each."),
        "explain": ("auscult.cli.explain", "Show where in time and frequency a score comes from."),
        "export": ("auscult.cli.export", "Write a model as an ONNX file that scores without auscult."),
        "inspect": ("auscult.cli.inspect", "Tell what is in a model file."),
        "evaluate": ("auscult.cli.evaluate", "Measure a model on labelled recordings."),
        "simulate": ("auscult.cli.simulate", "Make recordings of simulated machines, sound and faulty."),
        "bench": ("auscult.cli.bench", "Compare detectors on many machines in one table."),
        "dcase": ("auscult.cli.dcase", "Work with the DCASE Challenge: download, submit, evaluate."),
        "doctor": ("auscult.cli.doctor", "Tell what is installed, what is missing and how to get it."),
    },
)
@click.version_option(__version__, package_name="auscult")
def commands() -> None:
    """Hears a machine go wrong.

    Learn from recordings of normal running, then judge new ones:

    \b
      auscult fit recordings/normal -o fan.auscult
      auscult score fan.auscult new/*.wav
    """


def main() -> NoReturn:
    """The ``auscult`` command."""
    commands.main()
