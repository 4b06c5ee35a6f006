"""Adds the scores of finished stages, and those of other systems, to the results of a benchmark."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from auscult.benchmark.decisions import ThresholdRule
from auscult.benchmark.external_scores import read_external_scores
from auscult.benchmark.grouping import sources_of_test_clips
from auscult.benchmark.machine import MachineData, total_seconds
from auscult.benchmark.ranking import FitCost
from auscult.benchmark.result import BenchResult
from auscult.benchmark.stage import Stage, StageResult
from auscult.errors import EvaluationError

#: What a warning about a threshold concerns, and what to do.
_ONLY_DECISIONS = (
    "Only decision_result_*.csv depend on this, not the metrics: for decisions at an accepted false-alarm "
    "rate, use auscult fit and auscult score"
)


def add_result(bench: BenchResult, stage: Stage, result: StageResult, rule: ThresholdRule) -> FitCost:
    """Adds the result of a stage to the benchmark, with decisions, and returns what the stage cost."""
    machine, detector = stage.machine.name, stage.choice.name
    bench.names[machine], bench.digests[machine] = stage.machine.test_names, stage.machine.test_digests
    if machine not in bench.sources:
        front_end = stage.choice.detector_class.front_ends(stage.config())[0]
        path = bench.output / "recordings" / f"{machine}.json"
        bench.sources[machine] = sources_of_test_clips(stage.machine, front_end, path)
    for error in result.errors:
        bench.note(f"{machine}: left out {error['path']}: {error['error']}")
    bench.contents.setdefault(machine, result.content)
    sensor = bench.sensor.setdefault(machine, result.sensor)
    for note in [*result.notes, *result.content.remarks(result.clips), *sensor.remarks()]:
        bench.note(f"{machine}: {note}")
    for finding in result.warnings:
        bench.repeated_notes.append((f"{machine} {detector} seed {stage.seed}", finding.message))
    thresholds = {score: result.normal.threshold(score, rule) for score in result.scores}
    for score, threshold in thresholds.items():
        names = {"machine": machine, "detector": detector, "score": score, "seed": stage.seed}
        bench.thresholds.append({**names, **asdict(threshold)})
        if threshold.warning:
            bench.repeated_notes.append(
                (f"{machine} {detector}:{score} seed {stage.seed}", f"{threshold.warning}. {_ONLY_DECISIONS}")
            )
    seconds = (result.fit_seconds, result.score_seconds)
    for score, values in result.scores.items():
        own, system = result.normal.own_threshold(score), (detector, score, stage.seed)
        both = (thresholds[score], own)
        bench.add(machine, system, result.clips, values, both, seconds, result.warnings)
    size = (stage.folder / "model.auscult").stat().st_size
    return FitCost(*seconds, len(result.clips), total_seconds(result.clips), size)


def add_external_scores(
    bench: BenchResult, machine: MachineData, system: tuple[str, str, int], folder: Path
) -> None:
    """Adds another system's score files of one machine and seed to the benchmark."""
    name, _, seed = system
    try:
        external = read_external_scores(folder, machine.name, machine.test, machine.test_names)
    except EvaluationError as error:
        bench.failures.append({"machine": machine.name, "detector": name, "seed": seed, "error": str(error)})
        return
    bench.names[machine.name], bench.digests[machine.name] = machine.test_names, machine.test_digests
    bench.add(machine.name, system, external.clips, external.scores)
