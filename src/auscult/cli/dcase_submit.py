"""``auscult dcase submit``: one system of a bench as a submission folder for the challenge."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from auscult.cli import text
from auscult.cli.options import json_option
from auscult.errors import EvaluationError, OptionError

INCOMPLETE = 4


@click.command("submit", short_help="Make a submission from the results of a bench.")
@click.argument("results", metavar="RESULTS", type=click.Path())
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder to make: its name is the submission's label, like Name_Institute_task2_1.",
)
@click.option(
    "--system",
    metavar="NAME",
    help="Which system, like gamma_vae:mse.  [default: the only one]",
)
@click.option("--seed", type=int, metavar="N", help="Which of its seeds.  [default: the only one]")
@json_option
def command(results: str, output: str, system: str | None, seed: int | None, as_json: bool) -> int:
    """Make a submission from RESULTS, the output folder of a bench.

    Score and decision files of one system and seed are checked and copied, and what auscult knows of the
    meta information is written beside them. Exits with code 4 if a machine or a decision is missing.
    """
    from auscult.evaluation import write_submission
    from auscult.files import write_atomically

    folder, system, seed = _choose(Path(results), system, seed)
    rows, problems = _checked_rows(folder, Path(results))
    target = Path(output)
    if target.exists() and any(target.iterdir()):
        raise OptionError(f"{output}: not empty; a submission gets a folder of its own")
    files: list[Path] = []
    for (machine, section), (names, scores, decisions) in rows.items():
        files += write_submission(target, machine, section, names, scores, decisions)
    label = target.resolve().name
    files.append(target / f"{label}.meta.yaml")
    write_atomically(files[-1], _meta(label, Path(results), system, seed, folder).encode())
    for problem in problems:
        text.warn(problem)
    if as_json:
        told = {"system": system, "seed": seed, "files": [str(f) for f in files], "problems": problems}
        text.print_json(told)
    else:
        click.echo(f"{target}: {system}, seed {seed}, {text.count(len(rows), 'section')}")
        click.echo("\n".join(f"  {file.name}" for file in files))
        click.echo("Authors, institute and whatever else is marked ? in the meta file are yours to fill in.")
    return INCOMPLETE if problems else 0


def _choose(results: Path, system: str | None, seed: int | None) -> tuple[Path, str, int]:
    """The folder of score files of the system and seed that are meant."""
    systems = _subfolders(results / "scores")
    if not systems:
        raise EvaluationError(f"{results}: no scores/ with systems in it; it should be the output of a bench")
    if system is None and len(systems) > 1:
        raise OptionError(f"--system: choose one of {', '.join(systems)}")
    system = system or systems[0]
    if system not in systems:
        raise OptionError(f"--system {system}: {results} has {', '.join(systems)}")
    seeds = sorted(int(s[4:]) for s in _subfolders(results / "scores" / system) if s[4:].isdigit())
    if seed is None and len(seeds) != 1:
        raise OptionError(f"--seed: choose one of {', '.join(map(str, seeds)) or 'none'}")
    if seed is not None and seed not in seeds:
        raise OptionError(f"--seed {seed}: {system} has {', '.join(map(str, seeds))}")
    seed = seeds[0] if seed is None else seed
    return results / "scores" / system / f"seed{seed}", system, seed


def _subfolders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _checked_rows(
    folder: Path, results: Path
) -> tuple[dict[tuple[str, str], tuple[list[str], list[float], list[bool] | None]], list[str]]:
    """Names, scores and decisions of each section, and what is missing.

    Raises:
        EvaluationError: files that cannot be read, or that contradict each other.
    """
    from auscult.evaluation import read_submission

    submission = read_submission(folder)
    rows: dict[tuple[str, str], tuple[list[str], list[float], list[bool] | None]] = {}
    problems = []
    for key, scores in submission.scores.items():
        names = [row.name for row in scores]
        decided = {row.name: row.value == 1 for row in submission.decisions.get(key, ())}
        if decided and set(decided) != set(names):
            raise EvaluationError(f"{folder}: {' '.join(key)}: scores and decisions are of different clips")
        if not decided:
            problems.append(f"{key[0]} section {key[1]}: no decisions, and the challenge asks for them")
        rows[key] = names, [row.value for row in scores], [decided[n] for n in names] if decided else None
    for other in sorted(results.glob("scores/*/seed*")):
        for key in sorted(read_submission(other).scores.keys() - rows.keys()):
            problem = f"{key[0]} section {key[1]}: no scores, though {other.parent.name} has some"
            if problem not in problems:
                problems.append(problem)
    return rows, problems


def _meta(label: str, results: Path, system: str, seed: int, folder: Path) -> str:
    """The meta information that is known; ``?`` marks what only the authors know."""
    entry, _, score = system.partition(":")
    header = _model_header(results, entry, seed)
    config, facts = header.get("config", {}), header.get("facts", {})
    rate = config.get("front_end", {}).get("sample_rate")
    lines = [
        "submission:",
        f"  label: {json.dumps(label)}",
        f"  name: {json.dumps(system)}",
        f"  abbreviation: {json.dumps(entry)}",
        '  authors: "?"',
        "system:",
        "  description:",
        f"    input_sampling_rate: {json.dumps(f'{rate / 1000:g} kHz' if rate else '?')}",
        '    data_augmentation: "none"',
        '    acoustic_features: "log-mel energies"',
        f"    machine_learning_method: {json.dumps(entry)}",
        f"    anomaly_score: {json.dumps(score or '?')}",
        '    decision_making: "90th percentile of a gamma distribution fitted to training scores"',
        '    external_data_usage: "none"',
        "  complexity:",
        f"    total_parameters: {facts.get('parameters', json.dumps('?'))}",
        "  software:",
        '    name: "auscult"',
        f"    version: {json.dumps(header.get('provenance', {}).get('versions', {}).get('auscult', '?'))}",
        f"    seed: {seed}",
        "results:",
        "  development_dataset:  # in percent",
    ]
    achieved = _achieved(results, system, seed)
    for machine, metrics in achieved.items():
        lines.append(f"    {json.dumps(machine)}:")
        lines += [f"      {name}: {100 * value:.2f}" for name, value in metrics.items()]
    if not achieved:
        lines[-1] = '  development_dataset: "?"'
    return "\n".join(lines) + "\n"


def _model_header(results: Path, entry: str, seed: int) -> Mapping[str, Any]:
    """The header of one of the bench's models; empty where it keeps none, as of another system."""
    from auscult.errors import ModelFileError
    from auscult.model_file import read_header_and_arrays

    for path in sorted(results.glob(f"stages/*/{entry}/seed{seed}/model.auscult")):
        try:
            return read_header_and_arrays(path)[0]
        except ModelFileError as error:
            text.warn(str(error))
    return {}


def _achieved(results: Path, system: str, seed: int) -> dict[str, dict[str, float]]:
    """What the bench measured: each machine's harmonic means over its sections."""
    from auscult.evaluation import harmonic_mean, read_results

    if not os.path.exists(results / "results.csv"):
        return {}
    found: dict[str, dict[str, list[float]]] = {}
    for row in read_results(results / "results.csv"):
        if (row.column, row.seed) == (system, seed):
            metrics = found.setdefault(row.machine, {})
            for name in ("auc_source", "auc_target", "pauc"):
                if getattr(row, name) is not None:
                    metrics.setdefault(name, []).append(getattr(row, name))
    return {
        machine: {name: harmonic_mean(values) for name, values in metrics.items()}
        for machine, metrics in found.items()
    }
