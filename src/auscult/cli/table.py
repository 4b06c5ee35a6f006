"""``auscult table``: the results of one or several benchmarks as a table for a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.options import check_extension, check_writable
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.benchmark.saved_results import SavedResults

FORMATS = ("text", "markdown", "latex", "csv")
_OF_EXTENSION = {".txt": "text", ".md": "markdown", ".tex": "latex", ".csv": "csv"}


@click.command("table", short_help="Print the results of benchmarks as a table for a report.")
@click.argument("folders", metavar="RESULTS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--baseline",
    metavar="SYSTEM",
    help="Show the differences from this system: DETECTOR:SCORE, or DETECTOR for its score in the table.  "
    "[default: the baseline of the first benchmark]",
)
@click.option("--score", metavar="NAME", help="Show the systems with this score.  [default: default scores]")
@click.option(
    "--systems", metavar="NAMES", help="Show these systems, in this order: DETECTOR:SCORE or DETECTOR."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Format of the table.  [default: by the extension of --output; without it, text]",
)
@click.option(
    "--published",
    metavar="2024|FILE",
    help="Add published systems: Table 2 of the GammaVAE report (2024), or a FILE with the columns of "
    "results.csv.",
)
@click.option("--transpose", is_flag=True, help="Put systems into rows, machines and metrics into columns.")
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="NAME=LABEL",
    help="Show a system or machine as LABEL. NAME is a machine, DETECTOR:SCORE, or DETECTOR if only one of "
    "its scores is in the table. May be repeated.",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(),
    help="Write the table to FILE, with the extension .txt, .md, .tex or .csv unless --format is given.",
)
def command(
    folders: tuple[Path, ...],
    baseline: str | None,
    score: str | None,
    systems: str | None,
    form: str | None,
    published: str | None,
    transpose: bool,
    renames: tuple[str, ...],
    output: str | None,
) -> None:
    """Print the results of benchmarks as a table for a report.

    Each of RESULTS is an output folder of auscult bench. Machines and metrics are rows, systems columns; rows
    with the difference of the harmonic mean from that of the baseline and its 95 % interval follow. The notes
    give the number of independent recordings.
    """
    if output is not None:
        if form is None:
            check_extension("--output", output, list(_OF_EXTENSION))
        check_writable(output)

    from auscult.benchmark.saved_results import SavedResults
    from auscult.cli.table_labels import parse_labels
    from auscult.dcase.published import describe_source, published_systems
    from auscult.detectors.names import split_names
    from auscult.runtime.files import write_atomically

    saved = SavedResults.merged(folders)
    added: list[str] = []
    if published is not None:
        rows = published_systems(published, {row.machine for row in saved.results})
        known = {row.column for row in saved.results}
        saved.results += [row for row in rows if row.column not in known]
        added = list(dict.fromkeys(row.column for row in rows))
        saved.notes.append(f"The systems “published …” are from {describe_source(published)}.")
    if score is not None and systems is None:
        _note_left_out(saved, score)
    names = None if systems is None else split_names(systems)
    if names == []:
        raise OptionError("--systems contains no name: separate the names of systems by commas")
    compared_with = _baseline(saved, baseline, score)
    shown = _choose(saved, names, score)
    if baseline is not None and compared_with not in shown:
        shown.insert(0, compared_with or "")
    shown += [system for system in added if system not in shown]
    labels = parse_labels(renames, shown, [row.machine for row in saved.results if row.column in shown])
    saved, shown = saved.renamed(labels), [labels.get(system, system) for system in shown]
    base = labels.get(compared_with or "", compared_with)
    content = _table(saved, shown, base if base in shown else None, form or _form(output), transpose)
    if output is None:
        click.echo(content, nl=False)
    else:
        write_atomically(output, content.encode())
        text.note(f"{output}: {text.count(len(shown), 'system')}")


def _note_left_out(saved: SavedResults, score: str) -> None:
    """Name the detectors that are not in the table, since they do not have the score."""
    systems = [row.column for row in saved.results if ":" in row.column]
    detectors = {system.rpartition(":")[0]: None for system in systems}
    missing = [detector for detector in detectors if f"{detector}:{score}" not in systems]
    if missing and len(missing) < len(detectors):
        text.note(f"not in the table, without the score {score}: {', '.join(missing)}")


def _form(output: str | None) -> str:
    """The format by the extension of the output file; text for standard output."""
    if output is None:
        return "text"
    return next(form for extension, form in _OF_EXTENSION.items() if output.lower().endswith(extension))


def _table(
    saved: SavedResults, systems: Sequence[str], baseline: str | None, form: str, transpose: bool
) -> str:
    """The table of these systems, in this order, in one of the `FORMATS`."""
    from auscult.benchmark.differences import Comparison
    from auscult.benchmark.ranking import interval_notes
    from auscult.evaluation.report_csv import cells_csv
    from auscult.evaluation.report_table import report_cells, report_table
    from auscult.evaluation.results_table import counts_by_machine, recordings_note

    saved = saved.of_common_clips(systems)
    compared = Comparison(saved.scored()).differences(baseline) if baseline else []
    order = {system: index for index, system in enumerate(systems)}
    rows = sorted(saved.results, key=lambda r: order[r.column])
    cells = report_cells(rows, {(d.machine, d.system): d.difference for d in compared})
    if form == "csv":
        counts = counts_by_machine(rows, lambda row: row.machine)
        return cells_csv(cells, counts, transpose=transpose)
    recordings = recordings_note(rows, lambda row: row.machine)
    notes = [*([recordings] if recordings else []), *interval_notes(compared), *saved.notes]
    table = report_table(cells, baseline if compared else None, notes, transpose=transpose)
    return {"text": table.to_text, "markdown": table.to_markdown, "latex": table.to_latex}[form]()


def _choose(saved: SavedResults, names: Sequence[str] | None, score: str | None) -> list[str]:
    """The systems to show: those named, otherwise those with the score, otherwise the default scores.

    Raises:
        OptionError: there is no such system or score.
    """
    available = list(dict.fromkeys(row.column for row in saved.results))
    if score is not None:
        candidates = [s for s in available if s.rpartition(":")[2] == score or ":" not in s]
        if not any(":" in system for system in candidates):
            raise OptionError(f"--score {score}: no system has this score: {', '.join(available)}")
    else:
        candidates = [s for s in available if s in saved.default_systems or s == saved.baseline]
    if names is None:
        return candidates
    return list(dict.fromkeys(_find(name, available, candidates, "--systems") for name in names))


def _baseline(saved: SavedResults, named: str | None, score: str | None) -> str | None:
    """The system that the others are compared with: the named one, otherwise that of the benchmark, with the
    score of the table if it has it."""
    available = list(dict.fromkeys(row.column for row in saved.results))
    if named is not None:
        return _find(named, available, _choose(saved, None, score), "--baseline")
    if saved.baseline is None or score is None:
        return saved.baseline
    same_score = f"{saved.baseline.partition(':')[0]}:{score}"
    return same_score if same_score in available else saved.baseline


def _find(name: str, available: Sequence[str], preferred: Sequence[str], option: str) -> str:
    """A system by its name, or by that of its detector alone.

    Raises:
        OptionError: there is none, or several and none of them is among the preferred ones.
    """
    if name in available:
        return name
    of_detector = [system for system in available if system.partition(":")[0] == name]
    matching = [system for system in of_detector if system in preferred]
    if len(matching) == 1:
        return matching[0]
    if of_detector:
        raise OptionError(f"{option} {name}: choose one of its scores: {', '.join(of_detector)}")
    raise OptionError(f"{option} {name}: no such system; the results have {', '.join(available)}")
