"""The report of a benchmark: a self-contained HTML page with tables, charts, pictures and sound."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from itertools import groupby
from pathlib import Path, PurePath

import numpy as np

from auscult.corpus import Clip
from auscult.detectors import Progress
from auscult.errors import AudioError, EvaluationError, ModelFileError
from auscult.model import Model
from auscult.report.audio_cards import THRESHOLD_NOTES, audio_cards
from auscult.report.bench_charts import (
    histogram_figure,
    latent_figure,
    roc_figure,
    section_masks,
    training_figures,
)
from auscult.report.bench_data import BenchData, StageData, read_bench
from auscult.report.bench_tables import costs_table, machines_table, run_details, systems_table
from auscult.report.bench_verdict import verdict_sentence
from auscult.report.markup import Markup, join, tag
from auscult.runtime.files import write_atomically

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
    """
    bench = read_bench(results_folder)
    sections = []
    for done, machine in enumerate(bench.machines):
        if progress:
            progress("report", done, len(bench.machines), {})
        sections.append(_machine_section(bench, machine))
    if progress:
        progress("report", len(bench.machines), len(bench.machines), {})
    page = bench.folder / PAGE
    try:
        write_atomically(page, _page(bench, sections).encode())
    except OSError as error:
        raise EvaluationError(f"{page}: cannot be written: {error.strerror or error}") from error
    return page


def _page(bench: BenchData, machine_sections: list[Markup]) -> Markup:
    name = PurePath(str(bench.facts.get("root", bench.folder))).name
    links = [("#results", "Results"), *((f"#machine-{i}", m) for i, m in enumerate(bench.machines))]
    body = tag(
        "body",
        tag(
            "header",
            tag("p", "auscult benchmark", class_="kicker"),
            tag("h1", name),
            _simulation_note(bench),
            verdict_sentence(bench),
            tag(
                "p",
                "Intervals are about other recordings of these machines and, where there are several, other "
                "seeds. They do not include the effect of picking the best of several systems.",
                class_="note",
            ),
            tag(
                "nav",
                *(tag("a", text, href=target) for target, text in [*links, ("#run", "Run details")]),
                aria_label="Sections",
            ),
        ),
        tag(
            "main",
            tag(
                "section",
                tag("h2", "Results", id="results"),
                join(systems_table(bench), costs_table(bench), machines_table(bench))
                if bench.results
                else tag("p", "There are no metrics, because no test clip has a label."),
            ),
            *machine_sections,
            tag("section", tag("h2", "Run details", id="run"), run_details(bench)),
        ),
        Markup(f"<script>{_resource('page.js')}</script>"),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"auscult benchmark: {name}"),
        Markup(f"<style>{_resource('page.css')}</style>"),
    )
    return Markup("<!doctype html>\n" + tag("html", head, body, lang="en") + "\n")


def _simulation_note(bench: BenchData) -> Markup | None:
    """A note that recordings are simulated, if some are."""
    if not bench.simulated:
        return None
    if len(bench.simulated) == len(bench.machines):
        text = "All recordings are simulated, not from real machines."
    else:
        text = f"Recordings of these machines are simulated, not real: {', '.join(bench.simulated)}."
    return tag("p", tag("strong", text))


def _machine_section(bench: BenchData, machine: str) -> Markup:
    """The section of one machine: sound, ROC curves, histograms, training curves and latent spaces."""
    heading = tag("h2", machine, id=f"machine-{bench.machines.index(machine)}")
    stages = [stage for stage in bench.stages if stage.machine == machine]
    if not stages:
        return tag("section", heading, tag("p", "The results folder holds no fitted models of this machine."))
    by_detector = [list(seeds) for _, seeds in groupby(stages, key=lambda stage: stage.detector)]
    histories: list[Markup] = []
    latents: list[Markup] = []
    for seeds in by_detector:
        models = list(_readable_models(seeds))
        trained = [(s, m.detector.facts["history"]) for s, m in models if m.detector.facts.get("history")]
        if trained:
            histories += training_figures([s for s, _ in trained], [h for _, h in trained])
        if models and models[0][1].detector.has_codes:
            latents.append(_latent(*models[0]))
    return tag(
        "section",
        heading,
        _group(
            "Listen",
            "The map below each spectrogram shows where in time and frequency the score comes from.",
            _listen(bench, stages),
        ),
        _group(
            "ROC curves",
            "Solid lines show the first seed, faint lines the other seeds. AUC values are means over seeds. "
            "Clips of both domains are pooled.",
            [f for seeds in by_detector for f in _rocs(seeds)],
        ),
        *_histograms(bench, [seeds[0] for seeds in by_detector]),
        _group("Training", "Means over each epoch. The validation loss is not used for tuning.", histories),
        _group(
            "Latent space",
            "Principal components of the mean latent code (logarithms of shape and scale) of each test clip.",
            latents,
        ),
    )


def _listen(bench: BenchData, stages: list[StageData]) -> list[Markup]:
    """Cards of clips with scores of the best system that was fitted on this machine."""
    ranked = [*bench.systems, *(f"{s.detector}:{name}" for s in stages for name in s.scores)]
    for system in ranked:
        detector, _, score = system.partition(":")
        for stage in stages:
            if stage.detector == detector and score in stage.scores:
                note = tag(
                    "p", "Scored by ", tag("strong", system), f", seed {stage.seed}.", class_="note across"
                )
                models = list(_readable_models([stage]))
                if not models:
                    missing = "The model file is missing or corrupt."
                    return [note, tag("p", missing, class_="note across")]
                return [note, *audio_cards(stage, score, models[0][1])]
    return []


def _rocs(seeds: list[StageData]) -> list[Markup]:
    figures = (roc_figure(seeds, section) for section in section_masks(seeds[0].clips))
    return [figure for figure in figures if figure is not None]


def _histograms(bench: BenchData, first_seeds: list[StageData]) -> list[Markup]:
    """Histograms of the best score of each detector, and collapsed those of the other scores."""
    best: list[Markup] = []
    others: list[Markup] = []
    for stage in first_seeds:
        rank = {system: index for index, system in enumerate(bench.systems)}
        scores = sorted(stage.scores, key=lambda s: rank.get(f"{stage.detector}:{s}", len(rank)))
        for section in section_masks(stage.clips):
            for index, score in enumerate(scores):
                (others if index else best).append(histogram_figure(stage, score, section))
    note = THRESHOLD_NOTES[bench.facts.get("threshold_method", "gamma_scipy")]
    text = f"Scores of normal and anomalous test clips, each as a percentage of its class. {note}"
    details = tag(
        "details", tag("summary", f"{len(others)} more scores"), tag("div", *others, class_="figures")
    )
    return [_group("Scores", text, best), details if others else Markup()]


def _latent(stage: StageData, model: Model) -> Markup:
    """The latent space of the test clips that can be read."""
    detector = model.detector
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
        return tag("p", f"{stage.detector}: {reason}", class_="note")
    left_out = len(stage.clips) - len(clips)
    figure = latent_figure(stage, clips, np.stack(codes))
    note = tag("p", f"{left_out} clips can no longer be read.", class_="note") if left_out else None
    return join(figure, note)


def _readable_models(stages: list[StageData]) -> Iterator[tuple[StageData, Model]]:
    """Stages with their models, except those whose model file cannot be read."""
    for stage in stages:
        try:
            yield stage, stage.model()
        except ModelFileError:
            continue


def _group(title: str, text: str, figures: list[Markup]) -> Markup:
    if not figures:
        return Markup()
    return join(tag("h3", title), tag("p", text, class_="note"), tag("div", *figures, class_="figures"))


def _resource(name: str) -> str:
    return files("auscult.report").joinpath(name).read_text(encoding="utf-8")
