"""The charts of a benchmark: ROC curves, score histograms, training curves and latent spaces."""

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

_FAINT_SEEDS = 4  # maximum number of seeds drawn besides the first
_BINS = 24
_KINDS = [("normal", None, "normal"), ("anomaly", None, "anomaly")]


def section_masks(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """Return an (N,) bool mask of the labelled clips for each section, by name.

    The name is empty if there is only one section.
    """
    labelled = np.array([clip.condition is not None for clip in clips])
    names = list(dict.fromkeys(clip.section for clip in clips))
    masks = {
        (name or "no section") if len(names) > 1 else "": labelled & [clip.section == name for clip in clips]
        for name in names
    }
    return {name: mask for name, mask in masks.items() if mask.any()}


def roc_figure(seeds: Sequence[StageData], section: str) -> Markup | None:
    """Return the ROC curves of one detector on one machine and section, a line for each score.

    Args:
        seeds: the stages of one machine and detector; the first is drawn solid, others faint.
        section: the name of the section, as in `section_masks`.

    Returns:
        The figure, or ``None`` if the section has no normal clips or no anomalies.
    """
    first = seeds[0]
    mask = section_masks(first.clips)[section]
    labels = _is_anomaly(first.clips)[mask]
    if labels.all() or not labels.any():
        return None
    caption = ", ".join(filter(None, [first.detector, section and f"section {section}"]))
    alt = f"ROC curves of {first.detector} on {first.machine} {section}".strip()
    chart = Chart(
        Axis("false-positive rate", 0, 1), Axis("true-positive rate", 0, 1), alt=f"{alt}: see the legend"
    )
    chart.line([0, 1], [0, 1], series=5, faint=True, name="chance")
    names = []
    for series, score in enumerate(first.scores):
        aucs = []
        for index, stage in enumerate(seeds):
            stage_mask = section_masks(stage.clips).get(section)
            if stage_mask is None or score not in stage.scores:
                continue
            labels, values = _is_anomaly(stage.clips)[stage_mask], stage.scores[score][stage_mask]
            aucs.append(auc(labels, values))
            if index <= _FAINT_SEEDS:
                fpr, tpr, _ = roc_curve(labels, values)
                name = f"{score}, seed {stage.seed}: AUC {100 * aucs[-1]:.1f} %"
                chart.line(list(fpr), list(tpr), series=series, faint=index > 0, name=name)
        names.append(f"{score}: AUC {100 * fmean(aucs):.1f} %")
    return figure(caption, chart.to_markup(), legend(names))


def histogram_figure(stage: StageData, score: str, section: str) -> Markup:
    """Return histograms of one score by condition, a chart for each domain, with the threshold."""
    mask = section_masks(stage.clips)[section]
    values, threshold = stage.scores[score], stage.thresholds.get(score)
    limit = threshold.value if threshold else None
    shown = [*values[mask], *([limit] if limit is not None else [])]
    positive = min(shown) > 0
    x = Axis.around(f"{score} score", shown, log=positive and max(shown) > 20 * min(shown), margin=0.02)
    edges = _bin_edges(x)
    domains = {clip.domain for clip, selected in zip(stage.clips, mask, strict=True) if selected}
    charts = []
    for domain in [d for d in ("source", "target", None) if d in domains]:
        in_domain = mask & [clip.domain == domain for clip in stage.clips]
        heights, counts = {}, {}
        for kind in ("normal", "anomaly"):
            kind_values = values[in_domain & [clip.condition == kind for clip in stage.clips]]
            counts[kind] = len(kind_values)
            histogram, _ = np.histogram(np.clip(kind_values, edges[0], edges[-1]), bins=edges)
            heights[kind] = 100 * histogram / max(1, len(kind_values))
        domain_name = f"{domain} domain" if domain else "all clips"
        alt = (
            f"{score} scores of {stage.detector} on {f'{stage.machine} {section}'.strip()}, {domain_name}: "
            f"{counts['normal']} normal and {counts['anomaly']} anomalous clips"
        )
        top = max(float(h.max()) for h in heights.values()) or 1.0
        chart = Chart(x, Axis("% of clips", 0, top * 1.15), alt=alt, height=170)
        for kind, bars in heights.items():
            if counts[kind]:
                chart.steps(list(edges), list(bars), kind=kind)
        if limit is not None:
            chart.vertical_line(limit, "threshold")
        label = f"{domain_name}: {counts['normal']} normal, {counts['anomaly']} anomalous"
        charts.append(tag("div", tag("p", label, class_="panel"), chart.to_markup()))
    caption = ", ".join(
        filter(None, [f"{stage.detector}:{score}", section and f"section {section}", f"seed {stage.seed}"])
    )
    missing = None if limit is not None else tag("p", "no threshold", class_="panel")
    return figure(caption, *charts, missing or Markup(), kind_legend(_KINDS))


def training_figures(
    seeds: Sequence[StageData], histories: Sequence[Sequence[Mapping[str, Any]]]
) -> list[Markup]:
    """Return charts of the losses over the epochs, and of the KL divergence of variational networks."""
    first = seeds[0]
    shown = list(zip(seeds, histories, strict=True))[: 1 + _FAINT_SEEDS]
    figures = []
    for keys, label in ((("loss", "validation", "reconstruction"), "loss"), (("kl",), "KL [nats]")):
        series = {key: [_curve(h, key) for _, h in shown] for key in keys}
        series = {key: curves for key, curves in series.items() if any(map(_has_values, curves))}
        if not series:
            continue
        values = [v for curves in series.values() for curve in curves for v in curve]
        y = Axis.around(label, values, log=label == "loss")
        x = Axis("epoch", 1, max(2, *(len(h) for _, h in shown)))
        alt = f"{', '.join(series)} of {first.detector} on {first.machine} over {len(histories[0])} epochs"
        chart = Chart(x, y, alt=alt)
        for index, (key, curves) in enumerate(series.items()):
            for (stage, _), curve, faint in zip(shown, curves, [False, *[True] * len(shown)], strict=False):
                epochs = list(range(1, len(curve) + 1))
                chart.line(epochs, curve, series=index, faint=faint, name=f"{key}, seed {stage.seed}")
        names = [f"{key}: {_format(curves[0][-1])} at the end" for key, curves in series.items()]
        note = _active_units_note(histories[0]) if label != "loss" else None
        figures.append(
            figure(f"{first.detector}, {label}", chart.to_markup(), legend(names), note or Markup())
        )
    return figures


def latent_figure(stage: StageData, clips: Sequence[Clip], codes: np.ndarray) -> Markup:
    """Return a scatter chart of the first two principal components of the latent codes of clips.

    Args:
        stage: the fitted detector.
        clips: the N clips, which set colour (condition) and shape (domain).
        codes: (N, 2 · latents) logarithms of shape and scale, averaged over the windows of each clip.
    """
    centred = codes - codes.mean(axis=0)
    left, singular_values, _ = np.linalg.svd(centred, full_matrices=False)
    singular_values = np.append(singular_values, 0.0)[:2] if len(singular_values) < 2 else singular_values
    components = np.zeros((len(codes), 2))
    components[:, : min(2, left.shape[1])] = (left * singular_values[: left.shape[1]])[:, :2]
    explained = singular_values[:2] ** 2 / max(float(np.sum(singular_values**2)), np.finfo(float).tiny)
    axes = [
        Axis.around(f"component {i + 1} ({100 * explained[i]:.0f} % of variance)", components[:, i])
        for i in range(2)
    ]
    alt = f"Latent codes of {len(clips)} test clips by {stage.detector} on {stage.machine}"
    chart = Chart(axes[0], axes[1], alt=alt, height=280)
    kinds: list[tuple[str, str | None, str]] = []
    for condition in ("anomaly", "normal"):
        for domain in ("source", "target", None):
            mask = [c.condition == condition and c.domain == domain for c in clips]
            if any(mask):
                shape = "triangle" if domain == "target" else "circle"
                kinds.append((condition, shape, " ".join(filter(None, [condition, domain]))))
                chart.points([(x, y) for x, y in components[mask]], kind=condition, shape=shape)
    return figure(f"{stage.detector}, seed {stage.seed}", chart.to_markup(), kind_legend(kinds))


def _is_anomaly(clips: Sequence[Clip]) -> np.ndarray:
    return np.array([clip.condition == "anomaly" for clip in clips])


def _bin_edges(axis: Axis) -> np.ndarray:
    return (np.geomspace if axis.log else np.linspace)(axis.low, axis.high, _BINS + 1)


def _curve(history: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [float(epoch.get(key, math.nan)) for epoch in history]


def _has_values(curve: Sequence[float]) -> bool:
    return any(map(math.isfinite, curve))


def _format(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"


def _active_units_note(history: Sequence[Mapping[str, Any]]) -> Markup | None:
    """The number of active latent units after training, and the KL divergence of each."""
    last = history[-1]
    if "active_units" not in last:
        return None
    kl_values = ", ".join(f"{float(v):.2g}" for v in last.get("kl_per_dimension", []))
    total = f" of {len(last['kl_per_dimension'])}" if kl_values else ""
    note = f"Active latent units at the end: {last['active_units']:.0f}{total}."
    return tag("p", note + (f" KL divergence per unit: {kl_values}." if kl_values else ""), class_="note")
