"""The charts of a benchmark: ROC curves, score histograms, training, and the gamma VAE's latent space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from auscult.corpus import Clip
from auscult.evaluation import auc, roc_curve
from auscult.report.bench_data import StageData
from auscult.report.chart import Axis, Chart, figure, kind_legend, legend
from auscult.report.markup import Markup, tag

_FAINT_SEEDS = 4  # drawn beside the first
_BINS = 24
_KINDS = [("normal", None, "normal"), ("anomaly", None, "anomaly")]


def sections_of(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """(N,) bool mask of the labelled clips of each section, by its name, empty where there is one alone."""
    labelled = np.array([clip.condition is not None for clip in clips])
    names = list(dict.fromkeys(clip.section for clip in clips))
    masks = {
        (name or "no section") if len(names) > 1 else "": labelled & [clip.section == name for clip in clips]
        for name in names
    }
    return {name: mask for name, mask in masks.items() if mask.any()}


def roc_figure(seeds: Sequence[StageData], section: str) -> Markup | None:
    """ROC curves of one detector on one machine and section, a line for each score.

    Args:
        seeds: the stages of one machine and detector; the first is drawn full, others faint.

    Returns:
        ``None`` where the section lacks normals or anomalies.
    """
    first = seeds[0]
    mask = sections_of(first.clips)[section]
    truth = _anomaly(first.clips)[mask]
    if truth.all() or not truth.any():
        return None
    caption = ", ".join(filter(None, [first.detector, section and f"section {section}"]))
    alt = f"ROC curves of {first.detector} on {first.machine} {section}".strip()
    chart = Chart(
        Axis("false-positive rate", 0, 1), Axis("true-positive rate", 0, 1), alt=f"{alt}: see the legend"
    )
    chart.line([0, 1], [0, 1], series=5, faint=True, name="chance")
    names = []
    for series, score in enumerate(first.scores):
        areas = []
        for place, stage in enumerate(seeds):
            its_mask = sections_of(stage.clips).get(section)
            if its_mask is None or score not in stage.scores:
                continue
            labels, values = _anomaly(stage.clips)[its_mask], stage.scores[score][its_mask]
            areas.append(auc(labels, values))
            if place <= _FAINT_SEEDS:
                fpr, tpr, _ = roc_curve(labels, values)
                name = f"{score}, seed {stage.seed}: AUC {100 * areas[-1]:.1f} %"
                chart.line(list(fpr), list(tpr), series=series, faint=place > 0, name=name)
        names.append(f"{score}: AUC {100 * fmean(areas):.1f} %")
    return figure(caption, chart.to_markup(), legend(names))


def histogram_figure(stage: StageData, score: str, section: str) -> Markup:
    """Histograms of one score by condition, a chart for each domain, with the threshold."""
    mask = sections_of(stage.clips)[section]
    values, threshold = stage.scores[score], stage.thresholds.get(score)
    limit = threshold.value if threshold else None
    shown = [*values[mask], *([limit] if limit is not None else [])]
    positive = min(shown) > 0
    x = Axis.around(f"{score} score", shown, log=positive and max(shown) > 20 * min(shown), margin=0.02)
    edges = _edges(x)
    charts = []
    for domain in [
        d for d in ("source", "target", None) if any(c.domain == d for c in _of(stage.clips, mask))
    ]:
        inside = mask & [clip.domain == domain for clip in stage.clips]
        heights, counts = {}, {}
        for kind in ("normal", "anomaly"):
            its = values[inside & [clip.condition == kind for clip in stage.clips]]
            counts[kind] = len(its)
            drawn, _ = np.histogram(np.clip(its, edges[0], edges[-1]), bins=edges)
            heights[kind] = 100 * drawn / max(1, len(its))
        what = f"{domain} domain" if domain else "all clips"
        alt = (
            f"{score} scores by {stage.detector} on {stage.machine} {section}, {what}: "
            f"{counts['normal']} normal and {counts['anomaly']} anomalous clips"
        )
        top = max(float(h.max()) for h in heights.values()) or 1.0
        chart = Chart(x, Axis("% of clips", 0, top * 1.15), alt=alt, height=170)
        for kind, bars in heights.items():
            if counts[kind]:
                chart.steps(list(edges), list(bars), kind=kind)
        if limit is not None:
            chart.upright(limit, "threshold")
        label = f"{what}: {counts['normal']} normal, {counts['anomaly']} anomalous"
        charts.append(tag("div", tag("p", label, class_="panel"), chart.to_markup()))
    caption = ", ".join(
        filter(None, [f"{stage.detector}:{score}", section and f"section {section}", f"seed {stage.seed}"])
    )
    missing = None if limit is not None else tag("p", "no threshold", class_="panel")
    return figure(caption, *charts, missing or Markup(), kind_legend(_KINDS))


def training_figures(
    seeds: Sequence[StageData], histories: Sequence[Sequence[Mapping[str, Any]]]
) -> list[Markup]:
    """Loss and validation over the epochs, and of a variational network its divergence."""
    first = seeds[0]
    shown = list(zip(seeds, histories, strict=True))[: 1 + _FAINT_SEEDS]
    figures = []
    for keys, label in ((("loss", "validation", "reconstruction"), "loss"), (("kl",), "KL [nats]")):
        series = {key: [_curve(h, key) for _, h in shown] for key in keys}
        series = {key: curves for key, curves in series.items() if any(map(any, map(_known, curves)))}
        if not series:
            continue
        values = [v for curves in series.values() for curve in curves for v in curve]
        y = Axis.around(label, values, log=label == "loss")
        x = Axis("epoch", 1, max(2, *(len(h) for _, h in shown)))
        alt = f"{', '.join(series)} of {first.detector} on {first.machine} over {len(histories[0])} epochs"
        chart = Chart(x, y, alt=alt)
        for place, (key, curves) in enumerate(series.items()):
            for (stage, _), curve, faint in zip(shown, curves, [False, *[True] * len(shown)], strict=False):
                epochs = list(range(1, len(curve) + 1))
                chart.line(epochs, curve, series=place, faint=faint, name=f"{key}, seed {stage.seed}")
        ends = [f"{key}: {_figure(curves[0][-1])} at the end" for key, curves in series.items()]
        notes = _active(histories[0]) if label != "loss" else None
        figures.append(
            figure(f"{first.detector}, {label}", chart.to_markup(), legend(ends), notes or Markup())
        )
    return figures


def latent_figure(stage: StageData, clips: Sequence[Clip], codes: np.ndarray) -> Markup:
    """Two principal components of pooled latent codes, by condition and domain.

    Args:
        clips: those that could be read.
        codes: (N, 2 · latents) mean over each clip's windows of the logarithms of shape and scale.
    """
    centred = codes - codes.mean(axis=0)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    strengths = np.append(strengths, 0.0)[:2] if len(strengths) < 2 else strengths
    places = np.zeros((len(codes), 2))
    places[:, : min(2, left.shape[1])] = (left * strengths[: left.shape[1]])[:, :2]
    explained = strengths[:2] ** 2 / max(float(np.sum(strengths**2)), np.finfo(float).tiny)
    axes = [
        Axis.around(f"component {i + 1} ({100 * explained[i]:.0f} % of variance)", places[:, i])
        for i in range(2)
    ]
    alt = f"Latent codes of {len(clips)} test clips by {stage.detector} on {stage.machine}"
    chart = Chart(axes[0], axes[1], alt=alt, height=280)
    kinds: list[tuple[str, str | None, str]] = []
    for condition in ("anomaly", "normal"):
        for domain in ("source", "target", None):
            mine = [c.condition == condition and c.domain == domain for c in clips]
            if any(mine):
                shape = "triangle" if domain == "target" else "circle"
                kinds.append((condition, shape, " ".join(filter(None, [condition, domain]))))
                chart.points([(x, y) for x, y in places[mine]], kind=condition, shape=shape)
    return figure(f"{stage.detector}, seed {stage.seed}", chart.to_markup(), kind_legend(kinds))


def _anomaly(clips: Sequence[Clip]) -> np.ndarray:
    return np.array([clip.condition == "anomaly" for clip in clips])


def _of(clips: Sequence[Clip], mask: np.ndarray) -> list[Clip]:
    return [clip for clip, inside in zip(clips, mask, strict=True) if inside]


def _edges(axis: Axis) -> np.ndarray:
    return (np.geomspace if axis.log else np.linspace)(axis.low, axis.high, _BINS + 1)


def _curve(history: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [float(epoch.get(key, math.nan)) for epoch in history]


def _known(curve: Sequence[float]) -> list[bool]:
    return [math.isfinite(value) for value in curve]


def _figure(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"


def _active(history: Sequence[Mapping[str, Any]]) -> Markup | None:
    """How many latents are in use at the end, and what each costs."""
    last = history[-1]
    if "active_units" not in last:
        return None
    each = ", ".join(f"{float(v):.2g}" for v in last.get("kl_per_dimension", []))
    of = f" of {len(last['kl_per_dimension'])}" if each else ""
    said = f"Active units at the end: {last['active_units']:.0f}{of}."
    return tag("p", said + (f" KL of each latent: {each}." if each else ""), class_="note")
