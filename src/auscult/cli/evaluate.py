"""``auscult evaluate``: measure a model on labelled recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click
import numpy as np

from auscult.cli import text
from auscult.cli.options import (
    apply_group_by,
    channel_option,
    check_extension,
    check_writable,
    chosen_threshold,
    condition_option,
    conditions_from,
    json_option,
    model_argument,
    open_model,
    quiet_option,
    table_options,
    threshold_options,
)
from auscult.cli.progress import show_progress

if TYPE_CHECKING:
    from auscult.api.evaluate import ModelEvaluation
    from auscult.corpus import Corpus
    from auscult.evaluation import Evaluation
    from auscult.sound.tables import TableSettings

SOME_UNREADABLE = 4
#: Rates of decisions and their titles.
_RATES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "false_alarm_rate": "false alarms",
    "sensor_rate": "sensor faults, not in the above",
}


@click.command("evaluate", short_help="Measure a model on labelled recordings.")
@model_argument
@click.argument("folder", metavar="DIR", type=click.Path())
@json_option
@click.option(
    "--year",
    type=int,
    metavar="YYYY",
    help="Compute the metrics by the rules of this DCASE year. In 2021 the AUC of a domain compares only "
    "clips of that domain, in 2020 all clips.  [default: rules since 2022]",
)
@threshold_options
@click.option(
    "--group-by",
    metavar="NAMES",
    help="Attributes that identify the source recording, e.g. motor,spd. Clips with equal values count as "
    "one recording for intervals. Use 'none' to treat all clips as independent.",
)
@click.option(
    "--roc", metavar="FILE", type=click.Path(), help="Write the points of the ROC curves to a CSV file."
)
@click.option(
    "--histogram", metavar="FILE", type=click.Path(), help="Write histograms of the scores to a CSV file."
)
@channel_option
@table_options
@condition_option
@quiet_option
def command(
    model: str,
    folder: str,
    as_json: bool,
    year: int | None,
    threshold: float | None,
    false_alarms: str | None,
    threshold_method: str | None,
    group_by: str | None,
    roc: str | None,
    histogram: str | None,
    channel: int | None,
    tables: TableSettings,
    conditions: tuple[str, ...],
    quiet: bool,
) -> int:
    """Measure a model on labelled recordings.

    DIR is a DCASE machine folder (its test/ is used), a folder with normal/ and anomaly/, or a CSV
    manifest. Prints metrics in percent (in JSON: fractions) with 95 % confidence intervals. The AUC of a
    domain compares the normal clips of the domain with the anomalous clips of both domains, as in the
    challenge since 2022.
    """
    for option, path in (("--roc", roc), ("--histogram", histogram)):
        if path is not None:
            check_extension(option, path, [".csv"])
            check_writable(path, model=model)

    from auscult.api.evaluate import evaluate

    loaded = open_model(model, folder, channel=channel, tables=tables)
    decision_threshold = chosen_threshold(
        loaded, threshold=threshold, false_alarms=false_alarms, threshold_method=threshold_method
    )
    corpus = _test_clips(folder, year, conditions_from(conditions), loaded.tables)
    corpus = apply_group_by(corpus, group_by)
    if decision_threshold.warning:
        text.warn(decision_threshold.warning)
    text.warn_of(finding for finding in loaded.warnings if finding.kind == "test_clips")
    with show_progress(quiet=quiet) as progress:
        result = evaluate(
            loaded,
            corpus,
            threshold=decision_threshold,
            year=year,
            group_likely_segments=group_by is None,
            progress=progress,
        )
    _write_curves(result, year, roc, histogram)
    text.warn_of(result.warnings)
    for error in result.errors:
        text.note(f"Error: {error}")
    if as_json:
        threshold_from = {"method": decision_threshold.method, "rate": decision_threshold.rate}
        named = text.warnings_and_findings(result.warnings)
        text.print_json({**result.to_json(), **named, "threshold_from": threshold_from})
    else:
        click.echo(f"{loaded.detector.name}, score {loaded.detector.decisive_score}, on {folder}\n")
        click.echo(_as_text(result))
    return SOME_UNREADABLE if result.errors else 0


def _write_curves(result: ModelEvaluation, year: int | None, roc: str | None, histogram: str | None) -> None:
    """Write the ROC curves and histograms of the clips that the metrics are from to CSV files."""
    from auscult.evaluation import labels_of
    from auscult.evaluation.score_curves import HISTOGRAM_COLUMNS, ROC_COLUMNS, histogram_rows, roc_rows
    from auscult.evaluation.textfile import write_rows

    pairs = [
        (clip, score.score)
        for clip, score in zip(result.clips, result.scores, strict=True)
        if clip.path not in result.fitted_on
    ]
    sections = {}
    for section in dict.fromkeys(clip.section for clip, _ in pairs):
        clips, scores = zip(*((c, score) for c, score in pairs if c.section == section), strict=True)
        sections[section or ""] = labels_of(clips), np.array(scores)
    if roc is not None:
        write_rows(roc, [ROC_COLUMNS, *roc_rows(sections, year=year)])
    if histogram is not None:
        write_rows(histogram, [HISTOGRAM_COLUMNS, *histogram_rows(sections)])


def _test_clips(folder: str, year: int | None, conditions: dict[str, str], tables: TableSettings) -> Corpus:
    """Load the labelled recordings, and check before any is scored that metrics can be computed.

    Raises:
        CorpusError, EvaluationError: no recordings, too few labels for a metric, or several machines.
    """
    from auscult.corpus import open_corpus
    from auscult.corpus.conditions import unclear_conditions, unknown_conditions
    from auscult.errors import EvaluationError
    from auscult.evaluation import evaluate_scores

    corpus = open_corpus(folder, conditions=conditions, tables=tables).for_evaluation()
    if problem := unclear_conditions(corpus) or unknown_conditions(corpus, corpus.root):
        raise EvaluationError(f"{folder}: {problem}")
    machines = [machine for machine in corpus.machines if machine is not None]
    if len(machines) > 1:
        raise EvaluationError(
            f"{folder}: {len(machines)} machines ({', '.join(machines)}), but a model covers one: give the "
            "folder of one machine, or evaluate all with auscult bench"
        )
    try:  # with dummy scores: only the labels are checked
        evaluate_scores(corpus, [0.0] * len(corpus), year=year, intervals=False)
    except EvaluationError as error:
        raise EvaluationError(f"{folder}: {error}") from error
    return corpus


def _as_text(result: ModelEvaluation) -> str:
    evaluation = result.evaluation
    parts = [_metrics(evaluation)]
    if evaluation.overall.decisions:
        parts.append(_decisions(result))
    if len(evaluation.sections) > 1:
        parts.append(_sections(evaluation))
    parts += [f"left out: {reason}" for reason in evaluation.left_out.values()]
    if evaluation.attributes:
        parts.append(_attributes(evaluation))
    if notes := text.notes_by_reason(_interval_notes(evaluation)):
        parts.append(notes)
    return "\n\n".join(parts)


def _attributes(evaluation: Evaluation) -> str:
    """The AUCs of attribute values that several recordings have, and the number of the others."""
    shown = {name: part for name, part in evaluation.attributes.items() if part.is_general}
    rows = [
        (name, text.interval(part.auc), part.contrast, str(part.normals), str(part.anomalies))
        for name, part in shown.items()
    ]
    table = text.table(("attribute", "AUC, %", "against", "normals", "anomalies"), rows) if shown else ""
    if not (left := len(evaluation.attributes) - len(shown)):
        return table
    values = text.count(left, f"{'other ' if shown else ''}attribute value")
    return f"{table}\n{values} with few recordings: see --json".strip()


def _interval_notes(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Title of each shown metric that has no interval or another one than the others, and the reason."""
    titles = _columns(evaluation)
    has_domains = "normal_source" in evaluation.overall.clips
    for name, note in evaluation.overall.interval_notes.items():
        rate, _, domain = name.rpartition("_")
        yield titles.get(name) or f"{_RATES[rate]} {domain if has_domains else ''}".strip(), note
    for name, part in evaluation.attributes.items():
        if part.is_general and part.auc.note:
            yield name, part.auc.note


def _metrics(evaluation: Evaluation) -> str:
    overall = evaluation.overall
    rows = [(title, text.interval(getattr(overall, name))) for name, title in _columns(evaluation).items()]
    if evaluation.year:
        rows.append((f"official score {evaluation.year}", text.interval(overall.official)))
    lines = [
        text.table(("metric", "%  [95 % interval]"), rows),
        f"clips: {_counts(overall.clips)}",
        f"independent recordings: {_counts(overall.recordings)}",
    ]
    if overall.auc_source and overall.auc_target:
        lines.append(text.domain_auc_legend(evaluation.year))
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items())


def _columns(evaluation: Evaluation) -> dict[str, str]:
    """The available metrics: field of the summary to title."""
    overall = evaluation.overall
    titles = {
        "auc_source": "AUC source" if overall.auc_target else "AUC",  # without domains: of all clips
        "auc_target": "AUC target",
        "pauc": "pAUC",
        "harmonic_mean": "harmonic mean",
    }
    return {name: title for name, title in titles.items() if getattr(overall, name) is not None}


def _decisions(result: ModelEvaluation) -> str:
    """Precision, recall, F1 and false-alarm rate by domain, and a comparison with the accepted rate."""
    from auscult.evaluation.decision_rates import compare_with_accepted

    decisions, clips = result.evaluation.overall.decisions, result.evaluation.overall.clips
    has_domains = "normal_source" in clips
    sensor_faults = any(name.startswith("sensor_rate") for name in decisions)
    domains = [d for d in ("source", "target") if any(name.endswith(f"_{d}") for name in decisions)]
    rows = [
        (title, *(text.interval(decisions.get(f"{name}_{domain}")) for domain in domains))
        for name, title in _RATES.items()
        if name != "sensor_rate" or sensor_faults
    ]
    lines = [
        f"at the threshold {text.describe_threshold(result.threshold)}",
        text.table(("decision, %", *(domains if has_domains else ["all"])), rows),
    ]
    if result.threshold.rate is not None:  # not a given threshold
        for domain in domains:
            rate = decisions.get(f"false_alarm_rate_{domain}")
            if rate is None:
                continue
            accepted = result.threshold.rate
            comparison = compare_with_accepted(rate, accepted) or (
                "too few independent recordings to compare with"
            )
            where = f" in the {domain} domain" if has_domains else ""
            lines.append(
                f"false alarms{where}: {text.percent(rate.value)}, {comparison} the accepted "
                f"{text.percent(accepted)}"
            )
    return "\n".join(lines)


def _sections(evaluation: Evaluation) -> str:
    columns = _columns(evaluation)
    rows = [
        (name, *(text.interval(getattr(section, field)) for field in columns))
        for name, section in evaluation.sections.items()
    ]
    return text.table(("section", *columns.values()), rows)
