"""A benchmark as one page that carries everything it shows: tables, charts, pictures and sound."""

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
from auscult.report.audio_cards import THRESHOLD_NOTE, listening_figures
from auscult.report.bench_charts import (
    histogram_figure,
    latent_figure,
    roc_figure,
    sections_of,
    training_figures,
)
from auscult.report.bench_data import BenchData, StageData, read_bench
from auscult.report.bench_tables import costs_table, machines_table, systems_table, what_was_run
from auscult.report.bench_verdict import verdict_sentence
from auscult.report.markup import Markup, join, tag
from auscult.runtime.files import write_atomically

PAGE = "report.html"


def write_bench_report(results_folder: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
    """Writes ``report.html`` into the results folder of a benchmark.

    The page needs no other file and no network. Recordings that are gone are named as gone in it.

    Args:
        results_folder: with ``results.csv``, ``results.json`` and ``stages/``.
        progress: told the machines that are done.

    Returns:
        The page.

    Raises:
        EvaluationError: the folder is not what a benchmark leaves, or cannot be written.
    """
    bench = read_bench(results_folder)
    parts = []
    for done, machine in enumerate(bench.machines):
        if progress:
            progress("report", done, len(bench.machines), {})
        parts.append(_machine(bench, machine))
    if progress:
        progress("report", len(bench.machines), len(bench.machines), {})
    page = bench.folder / PAGE
    try:
        write_atomically(page, _page(bench, parts).encode())
    except OSError as error:
        raise EvaluationError(f"{page}: cannot be written: {error.strerror or error}") from error
    return page


def _page(bench: BenchData, machines: list[Markup]) -> Markup:
    name = PurePath(str(bench.facts.get("root", bench.folder))).name
    links = [("#results", "Results"), *((f"#machine-{i}", m) for i, m in enumerate(bench.machines))]
    body = tag(
        "body",
        tag(
            "header",
            tag("p", "auscult benchmark", class_="kicker"),
            tag("h1", name),
            _simulated(bench),
            verdict_sentence(bench),
            tag(
                "p",
                "Intervals are over clips, for the fits as they are: they count neither the spread over "
                "seeds nor that the best of several systems was picked.",
                class_="note",
            ),
            tag(
                "nav",
                *(tag("a", text, href=to) for to, text in [*links, ("#run", "What was run")]),
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
                else tag("p", "No clips with labels, so no metrics."),
            ),
            *machines,
            tag("section", tag("h2", "What was run", id="run"), what_was_run(bench)),
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


def _simulated(bench: BenchData) -> Markup | None:
    """That what follows is not of real machines, where it is not."""
    if not bench.simulated:
        return None
    of_all = len(bench.simulated) == len(bench.machines)
    which = (
        "All recordings are simulated" if of_all else f"Simulated recordings: {', '.join(bench.simulated)}"
    )
    return tag("p", tag("strong", f"{which}, not of real machines."))


def _machine(bench: BenchData, machine: str) -> Markup:
    """All that is shown of one machine."""
    place = bench.machines.index(machine)
    heading = tag("h2", machine, id=f"machine-{place}")
    stages = [stage for stage in bench.stages if stage.machine == machine]
    if not stages:
        return tag("section", heading, tag("p", "There are no fitted models of this machine here."))
    by_detector = [list(same) for _, same in groupby(stages, key=lambda stage: stage.detector)]
    histories: list[Markup] = []
    latents: list[Markup] = []
    for seeds in by_detector:
        models = list(_models(seeds))
        told = [(s, m.detector.facts["history"]) for s, m in models if m.detector.facts.get("history")]
        if told:
            histories += training_figures([s for s, _ in told], [h for _, h in told])
        if models and models[0][1].detector.has_codes:
            latents.append(_latent(*models[0]))
    return tag(
        "section",
        heading,
        _group(
            "Listen", "A score’s map says where in time and frequency it comes from.", _listen(bench, stages)
        ),
        _group(
            "ROC curves",
            "Full lines are the first seed, faint ones further seeds; areas are means over seeds. Clips "
            "of both domains count together.",
            [f for seeds in by_detector for f in _rocs(seeds)],
        ),
        *_histograms(bench, [seeds[0] for seeds in by_detector]),
        _group("Training", "Means over each epoch; nothing is tuned by the validation loss.", histories),
        _group(
            "Latent space",
            "Principal components of each test clip’s mean latent code, the logarithms of shape and scale.",
            latents,
        ),
    )


def _listen(bench: BenchData, stages: list[StageData]) -> list[Markup]:
    """Clips as the best system fold_models them that was fitted on this machine."""
    ranked = [*bench.systems, *(f"{s.detector}:{name}" for s in stages for name in s.scores)]
    for system in ranked:
        detector, _, score = system.partition(":")
        for stage in stages:
            if stage.detector == detector and score in stage.scores:
                said = tag(
                    "p", "Judged by ", tag("strong", system), f", seed {stage.seed}.", class_="note across"
                )
                models = list(_models([stage]))
                if not models:
                    return [said, tag("p", "Its model file is gone or damaged.", class_="note across")]
                return [said, *listening_figures(stage, score, models[0][1])]
    return []


def _rocs(seeds: list[StageData]) -> list[Markup]:
    drawn = (roc_figure(seeds, section) for section in sections_of(seeds[0].clips))
    return [figure for figure in drawn if figure is not None]


def _histograms(bench: BenchData, firsts: list[StageData]) -> list[Markup]:
    """Each detector's best score at sight, its others folded away."""
    shown: list[Markup] = []
    more: list[Markup] = []
    for stage in firsts:
        rank = {system: place for place, system in enumerate(bench.systems)}
        scores = sorted(stage.scores, key=lambda s: rank.get(f"{stage.detector}:{s}", len(rank)))
        for section in sections_of(stage.clips):
            for place, score in enumerate(scores):
                (more if place else shown).append(histogram_figure(stage, score, section))
    text = f"Normal and anomalous test clips, each as shares of their own number. {THRESHOLD_NOTE}"
    rest = tag("details", tag("summary", f"{len(more)} more scores"), tag("div", *more, class_="figures"))
    return [_group("Scores", text, shown), rest if more else Markup()]


def _latent(stage: StageData, model: Model) -> Markup:
    """The latent space of the test clips that are still there."""
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
        said = f"{len(clips)} of {len(stage.clips)} test clips can still be read, too few to draw."
        return tag("p", f"{stage.detector}: {said}", class_="note")
    left_out = len(stage.clips) - len(clips)
    figure = latent_figure(stage, clips, np.stack(codes))
    note = tag("p", f"{left_out} clips can no longer be read.", class_="note") if left_out else None
    return join(figure, note)


def _models(stages: list[StageData]) -> Iterator[tuple[StageData, Model]]:
    """The stages whose model can be read, with it."""
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
