"""The report of a benchmark: a self-contained HTML page with tables, charts, pictures and sound."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np

from auscult.benchmark.result import describe_failure
from auscult.corpus import Clip
from auscult.detectors import Progress
from auscult.detectors.representable import LatentSpace
from auscult.errors import AudioError, EvaluationError, MissingExtraError, ModelFileError
from auscult.evaluation import Result
from auscult.model import Model
from auscult.report.audio_cards import THRESHOLD_NOTES, AudioCard, audio_cards
from auscult.report.bench_charts import (
    histogram_figure,
    latent_figure,
    roc_figure,
    section_masks,
    training_figures,
)
from auscult.report.bench_data import BenchData, StageData, read_bench
from auscult.report.bench_tables import machines_table, systems_notes, systems_table
from auscult.report.bench_verdict import verdict
from auscult.report.chart import Figure
from auscult.runtime.files import write_atomically

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE = "report.html"


def write_bench_report(results_folder: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
    """Write ``report.html`` to the results folder of a benchmark.

    The page needs no other file and no network. It names recordings that no longer exist.

    Args:
        results_folder: the folder with ``results.csv``, ``results.json`` and ``stages/``.
        progress: called with the number of machines done.

    Returns:
        The path of the page.

    Raises:
        EvaluationError: the folder is not a complete results folder, or cannot be written to.
        MissingExtraError: Jinja2 is not installed.
    """
    template = environment().get_template("page.html")
    bench = read_bench(results_folder)
    sections = []
    for done, machine in enumerate(bench.machines):
        if progress:
            progress("report", done, len(bench.machines), {})
        sections.append(_machine_section(bench, machine))
    if progress:
        progress("report", len(bench.machines), len(bench.machines), {})
    html = template.render(
        name=PurePath(str(bench.facts.get("root", bench.folder))).name,
        bench=bench,
        verdict=verdict(bench),
        systems=systems_table(bench),
        notes=systems_notes(bench),
        all_machines=machines_table(bench),
        machines=machines_table(bench, left_out=bench.secondary_systems),
        sections=sections,
        threshold_note=THRESHOLD_NOTES[bench.facts.get("threshold_method", "gamma_scipy")],
        failures=[describe_failure(failure) for failure in bench.facts.get("failures", [])],
        total_time=_total_time(bench.results),
    )
    page = bench.folder / PAGE
    try:
        write_atomically(page, html.encode())
    except OSError as error:
        raise EvaluationError(f"{page}: cannot be written: {error.strerror or error}") from error
    return page


def environment() -> Environment:
    """Return the environment of the templates, in which all values are escaped.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("The HTML report", "report") from error
    loader = PackageLoader("auscult.report")
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    templates.filters["base64"] = lambda data: b64encode(data).decode("ascii")
    return templates


@dataclass
class _MachineSection:
    """What the page shows about one machine."""

    system: str  # the best that was fitted on this machine, whose scores the cards show
    seed: int
    cards: list[AudioCard] | None  # ``None`` if the model cannot be read
    rocs: list[Figure] = field(default_factory=list)
    scores: list[Figure] = field(default_factory=list)  # best score of each detector
    other_scores: list[Figure] = field(default_factory=list)
    training: list[Figure] = field(default_factory=list)
    latents: list[tuple[Figure | None, str]] = field(default_factory=list)  # with a note


def _machine_section(bench: BenchData, machine: str) -> _MachineSection | None:
    """The section of one machine; ``None`` without fitted models."""
    stages = [stage for stage in bench.stages if stage.machine == machine]
    if not stages:
        return None
    section = _MachineSection(*_listen(bench, stages))
    for _, seeds in groupby(stages, key=lambda stage: stage.detector):
        _add_detector(section, bench, list(seeds))
    return section


def _add_detector(section: _MachineSection, bench: BenchData, seeds: list[StageData]) -> None:
    """Add the figures of one detector; histograms and latent codes are of the first seed."""
    first, rank = seeds[0], {system: index for index, system in enumerate(bench.systems)}
    scores = sorted(first.scores, key=lambda s: rank.get(f"{first.detector}:{s}", len(rank)))
    for name in section_masks(first.clips):
        if (roc := roc_figure(seeds, name)) is not None:
            section.rocs.append(roc)
        best, *others = [histogram_figure(first, score, name) for score in scores]
        section.scores.append(best)
        section.other_scores += others
    models = [(stage, model) for stage in seeds if (model := _readable_model(stage))]
    trained = [(s, m.detector.facts["history"]) for s, m in models if m.detector.facts.get("history")]
    if trained:
        section.training += training_figures(trained)
    if models and isinstance(models[0][1].detector, LatentSpace):
        section.latents.append(_latent(*models[0], models[0][1].detector))


def _listen(bench: BenchData, stages: list[StageData]) -> tuple[str, int, list[AudioCard] | None]:
    """The best system that was fitted on this machine, with its seed, and cards with its scores."""
    for system in [*bench.systems, *(f"{s.detector}:{name}" for s in stages for name in s.scores)]:
        detector, _, score = system.partition(":")
        for stage in stages:
            if stage.detector == detector and score in stage.scores:
                model = _readable_model(stage)
                return system, stage.seed, audio_cards(stage, score, model) if model else None
    raise EvaluationError(f"{stages[0].folder}: no scores")


def _latent(stage: StageData, model: Model, detector: LatentSpace) -> tuple[Figure | None, str]:
    """The latent space of the test clips that can be read, and a note about the others."""
    clips: list[Clip] = []
    codes: list[np.ndarray] = []
    for clip in stage.clips:
        try:
            codes.append(detector.codes(model.audio_clip(clip)).mean(axis=0))
            clips.append(clip)
        except AudioError:
            continue
    if len(clips) < 3:
        reason = f"only {len(clips)} of {len(stage.clips)} test clips can still be read, too few for a chart."
        return None, f"{stage.detector}: {reason}"
    left_out = len(stage.clips) - len(clips)
    note = f"{left_out} clips can no longer be read." if left_out else ""
    return latent_figure(stage, clips, np.stack(codes)), note


def _readable_model(stage: StageData) -> Model | None:
    try:
        return stage.model()
    except ModelFileError:
        return None


def _total_time(results: list[Result]) -> str:
    fits = {(r.machine, r.detector, r.seed): (r.fit_seconds or 0, r.score_seconds or 0) for r in results}
    fit, score = (sum(times) for times in zip(*fits.values(), strict=True)) if fits else (0, 0)
    return f"{fit:.0f} s to fit and {score:.0f} s to score in total ({len(fits)} fits)"
