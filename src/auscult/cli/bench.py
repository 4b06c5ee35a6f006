"""``auscult bench``: compare detectors on many machines in one table."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.flags import with_flags
from auscult.cli.options import (
    condition_option,
    conditions_from,
    group_by_option,
    json_option,
    names_from,
    quiet_option,
    rate_from,
    settings_from,
    training_channel_option,
    training_options,
    workers_options,
)
from auscult.cli.progress import show_progress
from auscult.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from auscult.detectors import Progress

FAILED, SOME_FAILED = 1, 4
#: Key of the path of the TOML file in the context.
_EXPERIMENT = "auscult.experiment"
#: Options that a TOML file does not have, since they do not change the results.
_OF_OUTPUT = ("as_json", "quiet", "help")
_MAX_SEED_COUNT = 1000  # a larger number is more likely a seed without its comma


def _read_experiment(context: click.Context, parameter: click.Parameter, root: str) -> str:
    """Take the options of a TOML file as defaults; return the root that it names, or ``root`` itself."""
    from auscult.benchmark.experiment import is_experiment, read_experiment

    if not is_experiment(root):
        return root
    flags = {
        max(option.opts, key=len).removeprefix("--").replace("-", "_"): option.name or ""
        for option in context.command.params
        if isinstance(option, click.Option) and option.name not in _OF_OUTPUT
    }
    values = read_experiment(root, flags)
    context.meta[_EXPERIMENT] = root
    context.default_map = {flags[key]: value for key, value in values.items() if key != "root"}
    return values["root"]


@click.command("bench", short_help="Compare detectors on many machines in one table.")
@click.argument("root", metavar="ROOT", type=click.Path(), is_eager=True, callback=_read_experiment)
@click.option(
    "--detectors",
    default="auto,autoencoder,gamma_vae",
    show_default=True,
    metavar="NAMES",
    help="Detectors to run, each with all its presets. NAME@PRESET selects one preset, NAME[KEY=VALUE,...] "
    "the default preset with these settings; 'all' runs every detector whose requirements are met, with its "
    "default settings.",
)
@click.option(
    "--seeds",
    default="13711,",
    show_default=True,
    metavar="N|LIST",
    help="Number of seeds (3 means 0, 1 and 2), or a list of seeds, e.g. 13711,1. A single seed needs a "
    "trailing comma; 13711 is the seed of auscult fit.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder for the results. An interrupted run continues where it stopped.",
)
@click.option("--machines", metavar="NAMES", help="Run only these machines, separated by commas.")
@click.option(
    "--alone",
    is_flag=True,
    help="Fit each machine on its own recordings only, even if the detector could use those of the others.",
)
@click.option(
    "--scores",
    "score_pairs",
    multiple=True,
    metavar="NAME=DIR",
    help="Add another system to the table from its score files. DIR may be a pattern such as 'theirs/seed*' "
    "that matches one folder for each seed. May be repeated; folders with the same NAME are seeds of one "
    "system.",
)
@click.option(
    "--baseline",
    metavar="SYSTEM",
    help="Compare the others with this system: DETECTOR, DETECTOR:SCORE or a NAME of --scores.  "
    "[default: autoencoder:mse, or the first detector if autoencoder is not run]",
)
@click.option(
    "--published",
    metavar="2024|FILE",
    help="Add published systems to the table: Table 2 of the GammaVAE report (2024), or a FILE with the "
    "columns of results.csv.  [default: 2024 if the path of ROOT shows that it is the data of DCASE 2024]",
)
@click.option(
    "--threshold-method",
    type=click.Choice(["gamma_scipy", "gamma", "conformal", "baseline"]),
    default="gamma_scipy",
    show_default=True,
    help="How to compute the thresholds of the decision files, as for auscult score: from scores of clips by "
    "gamma_scipy, the plain fit of the DCASE baseline, by gamma or by conformal, or by baseline from the "
    "losses of training batches (score mse only). Recall and false-alarm rate in the table do not depend on "
    "it: they are at the conformal threshold of the model for 5% false alarms, those of networks, which are "
    "not calibrated here, at gamma_scipy for 10%. Changing it fits nothing again.",
)
@click.option(
    "--false-alarms",
    metavar="RATE",
    help="Accepted false-alarm rate of the thresholds of the decision files, e.g. 5% or 0.05.  "
    "[default: 10%; conformal: 5%]",
)
@training_options
@training_channel_option
@group_by_option
@condition_option
@workers_options
@json_option
@quiet_option
def command(
    root: str,
    detectors: str,
    seeds: str,
    output: str,
    machines: str | None,
    alone: bool,
    score_pairs: tuple[str, ...],
    baseline: str | None,
    published: str | None,
    threshold_method: str,
    false_alarms: str | None,
    pairs: tuple[str, ...],
    epochs: int | None,
    device: str | None,
    channel: int,
    group_by: str | None,
    conditions: tuple[str, ...],
    jobs: int,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Fit and evaluate detectors on every machine in ROOT, and compare them in one table.

    ROOT is a DCASE data folder, any folder of machine folders with train/ and test/, or a TOML file with the
    options of this command, of which those given here take precedence. The table shows the
    default score of each detector; the ranking below it lists all scores. Detector settings apply to those
    detectors that have them.
    """
    seed_list, score_folders = _parse_seeds(seeds), _parse_score_folders(score_pairs)
    groups = names_from(group_by)
    settings = settings_from(pairs, epochs=epochs, device=device)

    from auscult.benchmark import run_bench
    from auscult.benchmark.expected_time import duration_text
    from auscult.benchmark.result import describe_failure
    from auscult.detectors.names import split_names
    from auscult.report.expected_time import expected_report_seconds
    from auscult.runtime.parallel import workers

    expected: list[float] = []

    def announce(seconds: float, fits: int, machine_count: int) -> None:
        seconds += expected_report_seconds(machine_count)
        expected.append(seconds)
        if not quiet:
            text.note(f"{text.count(fits, 'fit')}: about {duration_text(seconds)}")

    with show_progress(quiet=quiet) as progress, workers(jobs, cluster):
        result = run_bench(
            root,
            detectors=split_names(detectors),
            seeds=seed_list,
            output=Path(output),
            machines=names_from(machines),
            alone=alone,
            score_folders=score_folders,
            settings=settings,
            channel=channel,
            group_by=[] if groups == ["none"] else groups,
            conditions=conditions_from(conditions),
            baseline=baseline,
            published=published,
            threshold_method=threshold_method,
            false_alarms=rate_from(false_alarms),
            progress=progress,
            announce=announce,
            started=partial(_copy_experiment, Path(output)),
        )
        page = _report(output, progress) if result.results else None
    if as_json:
        text.print_json(
            {
                "output": output,
                "expected_seconds": expected[0] if expected else None,
                "report": page,
                "results": [vars(row) for row in result.results],
                "baseline": result.baseline,
                "means": [mean.to_json() for mean in result.means],
                "differences": [difference.to_json() for difference in result.differences],
                "ranking": [system.to_json() for system in result.ranking],
                "costs": [cost.to_json() for cost in result.costs],
                "failures": [{**f, "error": with_flags(f["error"])} for f in result.failures],
                "notes": [*map(with_flags, result.notes)],
            }
        )
    else:
        click.echo(with_flags(result.text))
        click.echo(f"\nresults.csv, results.json and scores/ are in {output}")
        if page is not None:
            click.echo(f"report: {page}")
    for failure in result.failures:
        text.note(f"Error: {describe_failure(failure)}")
    if result.failures:
        return SOME_FAILED if result.results or result.score_files else FAILED
    return 0


def _copy_experiment(output: Path) -> None:
    """Write the TOML file, if the options are from one, into the results folder."""
    from click.core import ParameterSource

    from auscult.benchmark.experiment import write_copy

    context = click.get_current_context()
    if (path := context.meta.get(_EXPERIMENT)) is not None:
        changed = [
            option.opts[0]
            for option in context.command.params
            if isinstance(option, click.Option)
            and option.name not in _OF_OUTPUT
            and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        ]
        write_copy(path, output, changed)


def _report(output: str, progress: Progress | None) -> str | None:
    """Write the HTML report; ``None``, with a warning, if its requirements are not installed."""
    from auscult.report.bench_report import write_bench_report

    try:
        return str(write_bench_report(output, progress=progress))
    except MissingExtraError as error:
        text.warn(f"no report.html: {error}")
        return None


def _parse_seeds(value: str) -> list[int]:
    """Parse a number of seeds (``"3"`` is 0, 1, 2), or a list with commas: ``"13711,1"``, ``"13711,"``."""
    try:
        if "," not in value:
            seeds = list(range(int(value))) if int(value) <= _MAX_SEED_COUNT else []
        else:
            seeds = [int(seed) for seed in value.split(",") if seed.strip()]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise OptionError(
            f"--seeds {value}: give a number, e.g. 3 for seeds 0, 1 and 2, or a list, e.g. 13711,1"
        )
    return list(dict.fromkeys(seeds))


def _parse_score_folders(pairs: tuple[str, ...]) -> dict[str, list[str]]:
    """Parse pairs ``NAME=DIR`` into name to folders."""
    folders: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, folder = pair.partition("=")
        if not equals or not name or not folder:
            raise OptionError(f"--scores {pair}: write NAME=DIR, e.g. baseline=downloads/baseline_scores")
        folders.setdefault(name, []).append(folder)
    return folders
